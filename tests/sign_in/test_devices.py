"""A browser in which a person has signed in is counted by itself: nobody at the same address locks it out.

The cookie is OWASP's device cookie ("Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.conf import settings as site
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.api.client import FORM, PASSWORD
from tests.support.back_office.staff import change
from tests.support.sign_in.devices import OFFICE, browser, known_to, lock_out, signed_out
from tests.support.sign_in.failed_attempts import (
    WRONG,
    asking_for_a_password,
    at_the_api,
    at_the_back_office,
    pass_time,
)
from tests.support.sign_in.login import NEW_PASSWORD, choose, is_in, link_for, log_in, text
from tests.support.sign_in.two_factor import SECOND_STEP, app_of, calm, code_of, enrol, wrong_code_of
from users.models import User
from users.sign_in.account_recovery import reset_two_factor
from users.sign_in.lockouts import device_cookies

COOKIE = site.DEVICE_COOKIE_NAME


def is_refused(client: Client, email: str) -> bool:
    """Whether the right password is."""
    answer = log_in(email, client=client)
    assert answer.status_code in (302, 429)
    return answer.status_code == 429


# --- What it is good for ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", [at_the_api, at_the_back_office])
def test_who_has_signed_in_here_before_is_not_locked_out_by_a_colleague(olive: User, by: Callable[..., Any]) -> None:
    mine = known_to(olive)
    lock_out(olive.email, by)
    assert is_refused(browser(), olive.email)
    assert not is_refused(mine, olive.email)
    assert is_in(mine)


def test_nor_by_one_who_never_stops(olive: User) -> None:
    mine = known_to(olive)
    for _ in range(3):
        lock_out(olive.email)
        assert not is_refused(signed_out(mine), olive.email)
        pass_time(360)


def test_nor_at_the_second_step(olive: User) -> None:
    mine = browser()
    mine.force_login(olive)
    enrol(mine)
    signed_out(mine)
    calm(olive)
    lock_out(olive.email)
    assert log_in(olive.email, client=mine)["Location"] == SECOND_STEP
    assert mine.post(SECOND_STEP, {"code": code_of(app_of(olive))}).status_code == 302
    assert is_in(mine)


def test_nor_out_of_changing_the_own_password(olive: User) -> None:
    mine = known_to(olive)
    log_in(olive.email, client=mine)
    lock_out(olive.email)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert mine.post("/admin/password_change/", form).status_code == 302


def test_nor_out_of_asking_for_a_new_password(olive: User) -> None:
    mine = known_to(olive)
    lock_out(olive.email, asking_for_a_password)
    assert asking_for_a_password(olive.email, address=OFFICE).status_code == 429
    assert mine.post("/admin/password_reset/", {"email": olive.email}).status_code == 302


def test_a_new_password_by_e_mail_makes_the_browser_known(olive: User) -> None:
    """The way back in for who is locked out in every browser."""
    mine = browser()
    choose(mine, link_for(olive.email))
    lock_out(olive.email)
    assert log_in(olive.email, NEW_PASSWORD, client=mine).status_code == 302


def test_a_browser_stays_known_when_its_person_changes_the_password_there(olive: User) -> None:
    mine = known_to(olive)
    log_in(olive.email, client=mine)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    mine.post("/admin/password_change/", form)
    lock_out(olive.email)
    assert log_in(olive.email, NEW_PASSWORD, client=signed_out(mine)).status_code == 302


def test_a_browser_stays_known_when_its_person_sets_the_password_on_their_own_page(ada: User) -> None:
    mine = known_to(ada)
    log_in(ada.email, client=mine)
    assert change(mine, ada, password1=NEW_PASSWORD, password2=NEW_PASSWORD).status_code == 302
    lock_out(ada.email)
    assert log_in(ada.email, NEW_PASSWORD, client=signed_out(mine)).status_code == 302


def test_people_who_share_a_browser_are_each_known_there(make_user: Callable[..., User]) -> None:
    people = [make_user(f"kim.number{number}@example.test") for number in range(device_cookies.MAX_PEOPLE + 1)]
    shared = browser()
    for person in people:
        log_in(person.email, client=signed_out(shared))
        lock_out(person.email)
    cookie = shared.cookies[COOKIE].value
    found = {person.email: is_refused(signed_out(shared), person.email) for person in reversed(people)}
    assert [email for email, refused in found.items() if refused] == [people[0].email], "the one longest away"
    assert len(cookie) < 2_000


# --- What it is not ---------------------------------------------------------------------------------------------
def test_a_known_browser_has_nine_guesses_of_its_own_and_then_waits_as_all_do(olive: User) -> None:
    mine = known_to(olive)
    lock_out(olive.email)
    for _ in range(9):
        assert log_in(olive.email, WRONG, client=mine).status_code == 200
    answer = log_in(olive.email, client=mine)
    assert (answer.status_code, 350 < int(answer["Retry-After"]) <= 360) == (429, True)
    pass_time(360)
    assert not is_refused(mine, olive.email)


def test_from_whatever_address_they_are_made(olive: User) -> None:
    """A stolen cookie is worth nine guesses, not nine for each network."""
    mine = known_to(olive)
    for number in range(9):
        mine.post("/admin/login/", {"username": olive.email, "password": WRONG}, REMOTE_ADDR=f"198.51.100.{number}")
    assert is_refused(mine, olive.email)


def test_failures_in_a_known_browser_lock_no_other_out(olive: User) -> None:
    mine, other = known_to(olive), known_to(olive)
    for _ in range(9):
        log_in(olive.email, WRONG, client=mine)
    assert is_refused(mine, olive.email)
    assert not is_refused(other, olive.email)
    assert not is_refused(browser(), olive.email)
    assert at_the_api(olive.email, PASSWORD, address=OFFICE).status_code == 200


def test_it_opens_nothing_by_itself(olive: User) -> None:
    mine = known_to(olive)
    assert not is_in(mine)
    assert log_in(olive.email, WRONG, client=mine).status_code == 200
    assert not is_in(mine)


def test_it_is_worth_nothing_for_anybody_else(olive: User, ada: User) -> None:
    adas = known_to(ada)
    lock_out(olive.email)
    assert is_refused(adas, olive.email)


def test_failures_with_somebody_elses_cookie_count_by_network(olive: User, ada: User) -> None:
    adas = known_to(ada)
    for _ in range(9):
        log_in(olive.email, WRONG, client=adas)
    assert is_refused(browser(), olive.email)
    assert not is_refused(adas, ada.email)


def test_only_a_complete_sign_in_makes_a_browser_known(olive: User, pat: User) -> None:
    enrol_in = browser()
    enrol_in.force_login(olive)
    enrol(enrol_in)
    client = browser()
    assert log_in(olive.email, client=client)["Location"] == SECOND_STEP
    client.post(SECOND_STEP, {"code": wrong_code_of(app_of(olive))})
    log_in(olive.email, WRONG, client=client)
    log_in(pat.email, client=client)
    assert COOKIE not in client.cookies


def _set_the_same_password(olive: User) -> None:
    olive.set_password(PASSWORD)
    olive.save()


_ENDED: dict[str, Callable[[User], Any]] = {
    "a new password": _set_the_same_password,
    "signed out everywhere": lambda olive: olive.end_sessions("lost laptop"),
    "second factor reset": lambda olive: reset_two_factor(olive),
}


@pytest.mark.parametrize("event", _ENDED.values(), ids=_ENDED)
def test_it_is_worth_nothing_after(olive: User, event: Callable[[User], Any]) -> None:
    mine = known_to(olive)
    event(olive)
    lock_out(olive.email)
    assert is_refused(mine, olive.email)


def test_it_is_worth_nothing_after_half_a_year(olive: User, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = known_to(olive)
    lock_out(olive.email)
    later = time.time() + site.DEVICE_COOKIE_AGE + 1
    with monkeypatch.context() as patch:
        patch.setattr("users.sign_in.lockouts.device_cookies.time.time", lambda: later)
        assert is_refused(mine, olive.email)
    assert not is_refused(mine, olive.email)


def _of_another_purpose(cookie: str) -> str:
    return signing.dumps(signing.loads(cookie, salt=device_cookies.SALT), salt="another purpose")


_FORGED: dict[str, Callable[[str], str]] = {
    "changed": lambda cookie: cookie[:-1] + ("a" if cookie[-1] != "a" else "b"),
    "cut": lambda cookie: cookie[:40],
    "empty": lambda cookie: "",
    "no cookie of ours": lambda cookie: "é:" * 3_000,
    "signed for something else": _of_another_purpose,
    "signed with another key": lambda cookie: signing.dumps(
        signing.loads(cookie, salt=device_cookies.SALT), key="x" * 50, salt=device_cookies.SALT
    ),
}


@pytest.mark.parametrize("forge", _FORGED.values(), ids=_FORGED)
def test_a_forged_one_is_worth_nothing(olive: User, forge: Callable[[str], str]) -> None:
    mine = known_to(olive)
    mine.cookies[COOKIE] = forge(mine.cookies[COOKIE].value)
    lock_out(olive.email)
    assert is_refused(mine, olive.email)


def test_the_api_neither_reads_nor_sets_it(olive: User) -> None:
    """The app is of another origin and sends no cookies (contract 6.1)."""
    mine = known_to(olive)
    lock_out(olive.email)
    form = {"grant_type": "password", "username": olive.email, "password": PASSWORD}
    body = "&".join(f"{name}={value}" for name, value in form.items())
    answer = mine.post("/token", body, content_type=FORM)
    assert (answer.status_code, answer.json()["error"]) == (429, "invalid_grant")
    pass_time(360)
    answer = mine.post("/token", body, content_type=FORM)
    assert (answer.status_code, dict(answer.cookies)) == (200, {})


def test_it_discloses_no_other_account(olive: User, ada: User) -> None:
    """The same page after the same queries for an account that is there and one that is not, whatever cookie comes."""
    seen = []
    adas = known_to(ada)
    for name in (olive.email, "nobody@example.test"):
        with CaptureQueriesContext(connection) as queries:
            answer = log_in(name, WRONG, client=adas)
        seen.append((answer.status_code, text(answer), len(queries)))
    assert seen[0] == seen[1]


def test_without_the_cookie_a_sign_in_asks_nothing_more(olive: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert log_in(olive.email, client=browser()).status_code == 302
    assert len([query for query in queries if "axes_" in query["sql"]]) == 1


def test_nothing_of_the_cookie_is_kept_but_a_number_that_signs_nothing(olive: User) -> None:
    mine = known_to(olive)
    log_in(olive.email, WRONG, client=mine)
    row = AccessFailureLog.objects.get()
    assert (row.username, row.ip_address, row.http_accept) == (olive.email, OFFICE, "")
    assert mine.cookies[COOKIE].value not in str(row.devicefailure.device)
