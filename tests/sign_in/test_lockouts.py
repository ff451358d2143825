"""Staff see who is locked out, by what and until when, and unlock in one click."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.api.client import PASSWORD
from tests.support.back_office.staff import LIST, member, rows, signed_in, told
from tests.support.oauth.code_flow import login_form, send
from tests.support.sign_in.devices import OFFICE, browser, known_to, lock_out
from tests.support.sign_in.failed_attempts import (
    WRONG,
    asking_for_a_password,
    at_the_api,
    at_the_back_office,
    pass_time,
)
from tests.support.sign_in.login import NEW_PASSWORD, choose, link_for, log_in, text
from tests.support.sign_in.two_factor import NOT_RIGHT, SECOND_STEP, app_of, calm, code_of, enrol
from users.models import AuditEvent, User
from users.models.totp_device import Authenticator, RecoveryCodes

LOCKED = f"{LIST}?sign-in=locked"


def page_of(person: User, staff: Client) -> str:
    return " ".join(text(staff.get(f"{LIST}{person.pk}/view/")).split())


def unlock(person: User, staff: Client, query: str = "") -> Any:
    return staff.post(f"{LIST}{person.pk}/unlock-sign-in/{query}")


def at_authorize(email: str, password: str = WRONG, address: str = OFFICE) -> Any:
    return send("/authorize", login_form(email, password=password), address)


# --- The list ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", [at_the_api, at_the_back_office])
def test_the_list_names_those_who_are_locked_out_now(
    as_manager: Client, olive: User, pat: User, sam: User, by: Callable[..., Any]
) -> None:
    lock_out(olive.email, by)
    lock_out(pat.email.upper(), by)
    lock_out("nobody@example.test", by)
    by(sam.email)
    assert rows(as_manager.get(LOCKED)) == [olive.email, pat.email]
    pass_time(360)
    assert rows(as_manager.get(LOCKED)) == []


def test_each_row_says_so_and_has_a_button_for_it(as_manager: Client, olive: User, pat: User) -> None:
    lock_out(pat.email)
    page = text(as_manager.get(LIST))
    until = timezone.localtime(AccessFailureLog.objects.get(locked_out=True).attempt_time + timedelta(seconds=360))
    assert page.count("locked out") == page.count(f"Active, locked out until {until:%H:%M}") == 1
    assert page.count("Unlock") == 2, "its words, and its name for those who hear the page"
    assert f"Unlock: {pat.email}" in page


def test_one_click_in_the_list_unlocks_and_leads_back_to_it(as_manager: Client, pat: User) -> None:
    lock_out(pat.email)
    row = text(as_manager.get(f"{LIST}?q=pat&sign-in=locked"))
    action = f"{LIST}{pat.pk}/unlock-sign-in/?list=q%3Dpat%26sign-in%3Dlocked"
    assert f'formaction="{action}"' in row
    answer = as_manager.post(action)
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?q=pat&sign-in=locked")
    assert told(answer) == ["The sign-in is unlocked: they can try again at once."]
    assert at_the_api(pat.email, PASSWORD, OFFICE).status_code == 200


@pytest.mark.parametrize("query", ["//evil.test", "\r\nX: y", "\x00", "é", ""])
def test_it_leads_to_no_other_page_than_the_list(as_manager: Client, pat: User, query: str) -> None:
    answer = as_manager.post(f"{LIST}{pat.pk}/unlock-sign-in/", QUERY_STRING=f"list={query}")
    assert (answer.status_code, answer["Location"].startswith(f"{LIST}?")) == (302, True)


def test_who_only_asked_for_a_password_too_often_is_not_listed(as_manager: Client, olive: User) -> None:
    lock_out(olive.email, asking_for_a_password)
    assert rows(as_manager.get(LOCKED)) == []
    assert f"Asking for a new password is locked from {OFFICE} after 9 requests until " in page_of(olive, as_manager)


def test_the_list_costs_the_same_however_many_are_locked_out(
    as_manager: Client, make_user: Callable[..., User]
) -> None:
    people = [make_user(f"kim.number{number}@example.test") for number in range(6)]
    counted = []
    for locked in ([], people[:1], people):
        AccessFailureLog.objects.all().delete()
        AccessFailureLog.objects.bulk_create(
            AccessFailureLog(username=one.email, ip_address=OFFICE, path_info="/token", locked_out=True)
            for one in locked
        )
        with CaptureQueriesContext(connection) as queries:
            as_manager.get(LIST)
        counted.append(len(queries))
    assert len(set(counted)) == 1


# --- The page of a person ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "named"), [(OFFICE, OFFICE), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", "an unknown address")]
)
@pytest.mark.parametrize("by", [at_the_api, at_the_back_office])
def test_the_page_says_what_locks_its_person_out_and_until_when(
    as_manager: Client, pat: User, by: Callable[..., Any], address: str, named: str
) -> None:
    for _ in range(9):
        by(pat.email, address=address)
    until = timezone.localtime(AccessFailureLog.objects.get(locked_out=True).attempt_time + timedelta(seconds=360))
    page = page_of(pat, as_manager)
    assert f"Sign-in is locked from {named} after 9 failures until {until:%H:%M}." in page
    assert page.count("Unlock sign-in") == 1


def test_who_is_not_locked_out_has_no_button_to_unlock(as_manager: Client, pat: User) -> None:
    at_the_api(pat.email)
    assert "Unlock" not in page_of(pat, as_manager)
    lock_out(pat.email)
    assert "Unlock sign-in" in page_of(pat, as_manager)
    pass_time(360)
    assert "Unlock" not in page_of(pat, as_manager)


def test_the_page_names_each_network_and_each_browser(as_manager: Client, olive: User) -> None:
    mine = known_to(olive)
    for _ in range(9):
        mine.post(
            "/admin/login/",
            {"username": olive.email, "password": WRONG},
            headers={"User-Agent": "Firefox/1 (Mac OS X)"},
        )
    lock_out(olive.email)
    page = page_of(olive, as_manager)
    assert f"Sign-in is locked from {OFFICE} after 9 failures until " in page
    assert f"Sign-in is locked in a browser they have used before (Firefox on Mac, last at {OFFICE}) after 9" in page
    assert unlock(olive, as_manager).status_code == 302
    assert "Sign-in is locked" not in page_of(olive, as_manager)
    assert log_in(olive.email, client=mine).status_code == 302


def test_one_click_lets_a_warehouse_user_in_who_was_locked_out_at_the_app(
    as_manager: Client, pat: User, app: Any
) -> None:
    for _ in range(9):
        assert at_authorize(pat.email).status_code == 400
    assert at_authorize(pat.email, PASSWORD).status_code == 429
    unlock(pat, as_manager)
    assert at_authorize(pat.email, PASSWORD).status_code == 200


def test_unlocking_forgets_failures_however_the_e_mail_was_written(as_manager: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(email="Pat.Picker@Example.Test")
    lock_out("PAT.picker@example.TEST")
    assert rows(as_manager.get(LOCKED)) == ["Pat.Picker@example.test"]
    unlock(pat, as_manager)
    assert not AccessFailureLog.objects.exists()


def test_who_may_not_change_a_person_neither_sees_from_where_nor_unlocks(
    make_user: Callable[..., User], olive: User, ada: User, manager: User
) -> None:
    auditor = signed_in(member(olive, "Auditor"))
    lock_out(ada.email)
    lock_out(manager.email)
    for staff, person in ((auditor, manager), (signed_in(manager), ada)):
        assert OFFICE not in page_of(person, staff)
        assert f"Unlock: {person.email}" not in text(staff.get(LIST))
        assert unlock(person, staff).status_code == 403
        assert log_in(person.email, client=browser()).status_code == 429


def test_unlocking_takes_a_form_of_ours(manager: User, pat: User) -> None:
    lock_out(pat.email)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(manager)
    assert unlock(pat, strict).status_code == 403
    assert signed_in(manager).get(f"{LIST}{pat.pk}/unlock-sign-in/").status_code == 405
    assert at_the_api(pat.email, PASSWORD, OFFICE).status_code == 429


def test_unlocking_is_a_security_event(as_manager: Client, manager: User, pat: User) -> None:
    lock_out(pat.email)
    unlock(pat, as_manager)
    event = AuditEvent.objects.get(tag="sign_in_unlocked")
    assert (event.user_uuid, event.details) == (pat.uuid, {"failures": 9, "wrong_codes": 0, "by": manager.email})


# --- The second factor ------------------------------------------------------------------------------------------
@pytest.fixture
def codes(olive: User) -> list[str]:
    """Olive's recovery codes, who has switched the second factor on."""
    client = Client()
    client.force_login(olive)
    page = enrol(client)
    calm(olive)
    return page.context["codes"]


def at_the_second_step(olive: User, code: str) -> Any:
    client = browser()
    assert log_in(olive.email, client=client)["Location"] == SECOND_STEP
    return client.post(SECOND_STEP, {"code": code})


def test_unlocking_ends_the_pause_after_wrong_codes(as_manager: Client, olive: User, codes: list[str]) -> None:
    for model in (TOTPDevice, StaticDevice):
        model.objects.update(throttling_failure_count=8, throttling_failure_timestamp=timezone.now())
    assert NOT_RIGHT in text(at_the_second_step(olive, code_of(app_of(olive))))
    assert NOT_RIGHT in text(at_the_second_step(olive, codes[0]))
    assert page_of(olive, as_manager).count("No code of the second factor is accepted until ") == 2
    unlock(olive, as_manager)
    assert "No code of the second factor" not in page_of(olive, as_manager)
    assert at_the_second_step(olive, code_of(app_of(olive))).status_code == 302
    assert at_the_second_step(olive, codes[0]).status_code == 302
    details = AuditEvent.objects.get(tag="sign_in_unlocked").details
    assert (details["failures"], details["wrong_codes"]) == (2, 16)


def test_a_code_that_was_used_is_not_good_again_after_unlocking(
    as_manager: Client, olive: User, codes: list[str]
) -> None:
    code = code_of(app_of(olive))
    assert at_the_second_step(olive, code).status_code == 302
    unlock(olive, as_manager)
    assert NOT_RIGHT in text(at_the_second_step(olive, code))


@pytest.mark.parametrize("model", [Authenticator, RecoveryCodes])
@pytest.mark.parametrize("failures", [9, 10, 40, 5_000])
def test_the_pause_after_wrong_codes_has_an_end(olive: User, codes: list[str], model: Any, failures: int) -> None:
    """django-otp's doubles for a hundred years: whoever has the password could close the second factor for good."""
    for ago, is_over in ((250, False), (257, True)):
        model.objects.update(
            throttling_failure_count=failures, throttling_failure_timestamp=timezone.now() - timedelta(seconds=ago)
        )
        assert model.objects.get().verify_is_allowed()[0] is is_over


def test_the_right_code_is_taken_once_the_pause_is_over(olive: User, codes: list[str]) -> None:
    for model in (TOTPDevice, StaticDevice):
        model.objects.update(
            throttling_failure_count=40, throttling_failure_timestamp=timezone.now() - timedelta(seconds=257)
        )
    assert at_the_second_step(olive, code_of(app_of(olive))).status_code == 302
    assert at_the_second_step(olive, codes[0]).status_code == 302


def test_a_new_password_by_e_mail_ends_no_pause_after_wrong_codes(olive: User, codes: list[str]) -> None:
    """Else whoever reads the person's e-mail could guess codes as fast as they can ask for links."""
    TOTPDevice.objects.update(throttling_failure_count=8, throttling_failure_timestamp=timezone.now())
    choose(browser(), link_for(olive.email))
    assert TOTPDevice.objects.get().throttling_failure_count == 8
    assert log_in(olive.email, NEW_PASSWORD, browser())["Location"] == SECOND_STEP
