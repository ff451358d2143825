"""Every sign-in by password is decided by `sign_in_reasons`: what and the app do in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from tests.support.api.client import PASSWORD
from tests.support.api.permissions import undone
from tests.support.back_office.why import answered
from tests.support.oauth.code_flow import send
from users.models import User
from users.models.audit_event import AuditEvent
from users.sign_in.refusals import Entry, sign_in_reasons
from users.sign_in.refusals import SignInReason as Reason

HOUR = timedelta(hours=1)
#: Of each column, what is stored, hours being from now, and the reason that follows.
STATES: dict[str, dict[Any, Reason | None]] = {
    "status": {"active": None, "blocked": Reason.BLOCKED, "deleted": Reason.DELETED},
    "employed_until": {None: None, 1: None, -1: Reason.EMPLOYMENT_OVER},
    "must_change_password_by": {None: None, 1: Reason.TEMPORARY_PASSWORD, -1: Reason.TEMPORARY_PASSWORD_EXPIRED},
    "is_warehouse_user": {False: None, True: Reason.NOT_A_BACK_OFFICE_USER},
    "company_account_only": {False: None, True: Reason.COMPANY_ACCOUNT_ONLY},
}
#: The reasons that do not count there.
WITHOUT = {
    Entry.APP: {Reason.NOT_A_BACK_OFFICE_USER, Reason.COMPANY_ACCOUNT_ONLY},
    Entry.BACK_OFFICE: {Reason.TEMPORARY_PASSWORD},
    Entry.ACCOUNT: {Reason.TEMPORARY_PASSWORD, Reason.NOT_A_BACK_OFFICE_USER, Reason.COMPANY_ACCOUNT_ONLY},
}


def states() -> Iterator[tuple[dict[str, Any], list[Reason]]]:
    for values in product(*STATES.values()):
        columns = dict(zip(STATES, values, strict=True))
        reasons = [reason for name, value in columns.items() if (reason := STATES[name][value])]
        if Reason.NOT_A_BACK_OFFICE_USER in reasons:  # then nothing else about the Back Office is of interest
            reasons = [reason for reason in reasons if reason is not Reason.COMPANY_ACCOUNT_ONLY]
        until = {name: columns[name] and timezone.now() + columns[name] * HOUR for name in list(STATES)[1:3]}
        yield columns | until, reasons


def is_let_in(entry: Entry, email: str) -> bool:
    if entry is Entry.APP:
        sent = {"grant_type": "password", "username": email, "password": PASSWORD}
        return bool(send("/token", sent).status_code == 200)
    browser = Browser()
    page = "admin:login" if entry is Entry.BACK_OFFICE else "account_sign_in"
    browser.post(reverse(page), {"username": email, "password": PASSWORD})
    return SESSION_KEY in browser.session


@pytest.mark.thorough
@pytest.mark.parametrize("entry", Entry)
def test_every_state_is_decided_as_the_reasons_say(olive: User, provided: Callable[[], Any], entry: Entry) -> None:
    provided()
    let_in = 0
    for columns, reasons in states():
        expected = [reason for reason in reasons if reason not in WITHOUT[entry]]
        with undone():
            User.objects.filter(pk=olive.pk).update(**columns)
            assert list(sign_in_reasons(User.objects.get(), entry, timezone.now())) == expected, columns
            assert is_let_in(entry, olive.email) == (not expected), columns
            assert AuditEvent.objects.filter(level="warning").exists() == bool(expected)
            let_in += not expected
    assert let_in == {Entry.APP: 8, Entry.BACK_OFFICE: 4, Entry.ACCOUNT: 16}[entry]


def test_staff_are_told_that_the_company_account_was_the_only_way(
    as_ada: Browser, olive: User, provided: Callable[[], Any]
) -> None:
    provided()
    User.objects.filter(pk=olive.pk).update(company_account_only=True)
    form = {"username": olive.email, "password": PASSWORD}
    Browser().post(reverse("admin:login"), form, headers={"X-Request-Id": "desk-3"})
    page = answered(as_ada, request_id="desk-3")
    assert (page["person"], page["reason"][1]) == (olive, "company_account_only")
