"""The look for secrets in lines and rows would find one: see `tests.support.leaks`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import Client

from config.audit.log import audit
from tests.support.api.client import PASSWORD, Api, sign_in
from tests.support.back_office.staff import signed_in
from tests.support.leaks import Lines, leaks, rows
from users.models import User
from users.models.audit_event import AuditEvent
from users.models.oauth.signing_key import SigningKey


@pytest.fixture
def leak(no_secret_is_written: Lines) -> Callable[[], list[str]]:
    """What the lines so far give away; they are forgotten then, so that this test itself does not fail."""

    def found() -> list[str]:
        given_away = [line.partition(" in: ")[0] for line in leaks(no_secret_is_written.written)]
        no_secret_is_written.written.clear()
        return given_away

    return found


def test_a_password_in_a_line_is_found(pat: User, leak: Callable[[], list[str]]) -> None:
    sign_in(pat.email)
    logging.getLogger("anyone").warning("Signing in %s with %s.", pat.email, PASSWORD)
    assert leak() == ["password"]


def test_tokens_in_a_line_are_found(pat: User, leak: Callable[[], list[str]]) -> None:
    for name, value in sign_in(pat.email).items():
        if name.endswith("_token"):
            logging.getLogger("anyone").warning("got token=%s.", value)
            assert any(name in kinds for kinds in leak()), name


def test_a_warehouse_token_in_a_line_is_found(as_pat: Api, pat_north: Any, leak: Callable[[], list[str]]) -> None:
    pat_north.activate()
    (answer,) = as_pat.post("/warehouse-tokens").json()
    logging.getLogger("anyone").warning(answer["accessToken"])
    assert "accessToken" in leak()[0]


def test_a_cookie_in_a_line_is_found(olive: User, leak: Callable[[], list[str]]) -> None:
    client = signed_in(olive)
    client.get("/admin/")
    logging.getLogger("anyone").warning("cookies: %s", client.cookies["sessionid"].value)
    assert leak() == ["session cookie"]


def test_a_private_key_in_a_line_is_found(leak: Callable[[], list[str]]) -> None:
    key = SigningKey.generate().private
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    logging.getLogger("anyone").warning(pem)
    assert leak() == ["private key"]


def test_what_a_row_gives_away_is_found(olive: User, leak: Callable[[], list[str]]) -> None:
    Client().post("/admin/login/", {"username": olive.email, "password": PASSWORD})
    audit.info("Successful Login", username=f"{olive.email}:{PASSWORD}")
    assert leak() == ["password"]
    assert [kinds.partition(" in: ")[0] for kinds in leaks(rows())] == ["password"]
    AuditEvent.objects.all().delete()
