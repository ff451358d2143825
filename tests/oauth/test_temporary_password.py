"""Until a temporary password is changed, apps are refused: with the page that changes it, if the password was right."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db.models.functions import Now

from tests.support.api.client import PASSWORD
from tests.support.oauth.code_flow import assert_refused, login_form, security_lines, send
from users.models import Session, User

TEMPORARY = "x7kq-9mnp-2wvz-4hjd"
NOT_CHANGED = (
    "invalid_grant",
    "The temporary password must be changed before the first sign-in. Please do so at "
    "https://bapi.example.test/account/.",
)
WRONG = ("invalid_grant", "The user credentials were incorrect.")


@pytest.fixture
def newcomer(pat: User) -> User:
    pat.set_temporary_password(make_password(TEMPORARY))
    return pat


def by_password(user: User, password: str) -> Any:
    return send("/token", {"grant_type": "password", "username": user.email, "password": password})


def by_code(user: User, password: str) -> Any:
    return send("/authorize", login_form(user, password=password))


WAYS = [by_password, by_code]


@pytest.mark.parametrize("ask", WAYS)
def test_the_refusal_names_the_page(
    newcomer: User, app: str, ask: Callable[..., Any], nothing_changes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with nothing_changes(), caplog.at_level(logging.INFO, logger="security"):
        assert_refused(ask(newcomer, TEMPORARY), NOT_CHANGED)
        assert_refused(ask(newcomer, PASSWORD), WRONG)
    lines = [(line["event"], line["tag"], line["username"]) for line in security_lines(caplog)]
    assert lines == [
        ("Temporary Password Not Changed", "temporary_password_not_changed", newcomer.email),
        ("Failed Login", "failed_login", newcomer.email),
    ]


@pytest.mark.parametrize("ask", WAYS)
def test_after_its_time_it_is_a_wrong_password(
    newcomer: User, app: str, ask: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.update(must_change_password_by=Now() - timedelta(seconds=1))
    with caplog.at_level(logging.INFO, logger="security"):
        assert_refused(ask(newcomer, TEMPORARY), WRONG)
    events = [line["event"] for line in security_lines(caplog)]
    assert events == ["Temporary Password Expired", "Failed Login"]
    assert not Session.objects.exists()


@pytest.mark.parametrize("ask", WAYS)
def test_afterwards_one_signs_in_with_the_new_one(newcomer: User, app: str, ask: Callable[..., Any]) -> None:
    newcomer.set_password(PASSWORD)
    newcomer.save()
    assert ask(newcomer, PASSWORD).status_code == 200
