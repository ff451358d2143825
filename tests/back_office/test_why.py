"""The page *Why?*: each condition of signing in and of working, since when and by whom it is so, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client as Browser
from django.urls import reverse

from assignments.access.decision import decide
from assignments.models import WarehouseUserAssignment
from tests.support.api.client import PASSWORD
from tests.support.back_office.staff import LIST, member, signed_in, switch
from tests.support.back_office.why import PAGE, shown, the_one, unmet
from tests.support.clock import Clock
from tests.support.oauth.code_flow import send
from users.models import User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

DAY = timedelta(days=1)


@pytest.fixture
def working(pat_north: WarehouseUserAssignment, pat_river: Any) -> WarehouseUserAssignment:
    pat_north.activate()
    return pat_north


def test_who_works_is_shown_with_ticks_only(as_ada: Browser, working: WarehouseUserAssignment, pat: User) -> None:
    """Without a warehouse the page is about the one where they work."""
    page = shown(as_ada, person=pat.email)
    assert (page["person"], page["warehouse"], page["may_sign_in"], page["may_work"]) == (
        pat,
        working.warehouse,
        True,
        True,
    )
    assert [unmet(page, part) for part in ("account", "sign_in", "work")] == [[], [], []]
    assert [condition.text for condition in page["work"]] == [
        "They are a warehouse user.",
        "North Dock is available.",
        "North Dock is assigned to them.",
        "Period of the assignment: unlimited.",
        "They work there now.",
    ]
    assert not any(condition.mend for part in ("account", "sign_in", "work") for condition in page[part])


def test_a_blocked_account_says_by_whom_and_leads_to_where_it_is_mended(
    as_ada: Browser, as_manager: Browser, manager: User, working: WarehouseUserAssignment, pat: User
) -> None:
    switch(as_manager, pat, "deactivate")
    page = shown(as_ada, person=pat.uuid)
    assert (page["may_sign_in"], page["may_work"]) == (False, False)
    blocked = the_one(page, "account")
    assert blocked.text == "The account is deactivated."
    assert (blocked.change.who, blocked.change.through) == (manager.email, "Back Office")
    assert blocked.mend == ("Activate", f"{LIST}{pat.pk}/view/")
    assert unmet(page, "work") == []
    text = as_ada.get(PAGE, {"person": pat.pk}).content.decode()
    assert "They cannot sign in" in text
    assert "They may not work in North Dock now" in text
    assert 'aria-label="No"' in text


#: What is done, and the conditions of working that are not met then, with the words of the links that mend them.
CASES: dict[str, tuple[Callable[[Any, Clock], Any], str, str]] = {
    "no warehouse user": (
        lambda row, clock: User.objects.filter(pk=row.user_id).update(is_warehouse_user=False),
        "They are a Back Office user.",
        "Edit the person",
    ),
    "warehouse closed": (
        lambda row, clock: Warehouse.objects.filter(pk=row.warehouse_id).update(is_active=False),
        "North Dock is not available.",
        "Edit the warehouse",
    ),
    "deassigned": (
        lambda row, clock: row.deassign(), "North Dock is not assigned to them.", "Assign Warehouses"
    ),
    "over": (
        lambda row, clock: row.set_period(starts_at=clock.now - 2 * DAY, ends_at=clock.now - DAY),
        "Period of the assignment: ", "Set period",
    ),
    "not begun": (
        lambda row, clock: row.set_period(starts_at=clock.now + DAY),
        "Period of the assignment: ", "Set period",
    ),
    "nowhere": (lambda row, clock: row.deactivate(), "They work nowhere now.", "Change the current warehouse"),
    "elsewhere": (
        lambda row, clock: WarehouseUserAssignment.objects.get(warehouse__name="River Annex").activate(),
        "They work in another warehouse now: River Annex.",
        "Change the current warehouse",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "words", "mend"), CASES.values(), ids=CASES.keys())
def test_what_stands_in_the_way_of_working_is_named_as_it_is_decided(
    as_ada: Browser, working: Any, pat: User, clock: Clock, act: Any, words: str, mend: str
) -> None:
    act(working, clock)
    page = shown(as_ada, person=pat.pk, warehouse="North Dock")
    decision = decide(pat.uuid, working.warehouse.uuid)
    assert (page["may_work"], len(decision.reasons)) == (False, 1)
    condition = the_one(page, "work")
    assert condition.text.startswith(words)
    label, url = condition.mend
    assert label == mend
    assert as_ada.get(url).status_code == 200


def test_the_end_of_an_employment_is_both_parts_affair(as_ada: Browser, working: Any, pat: User, clock: Clock) -> None:
    User.objects.filter(pk=pat.pk).update(employed_until=clock.now)
    page = shown(as_ada, person=pat.pk)
    assert (page["may_sign_in"], page["may_work"]) == (False, False)
    ended = the_one(page, "account")
    assert re.fullmatch(r"Employment: until .+ \(over\)\.", ended.text)
    assert ended.mend == ("Edit the person", f"{LIST}{pat.pk}/change/")
    assert ended.change.who == "Database"


# --- Signing in -------------------------------------------------------------------------------------------------
def test_wrong_passwords_are_counted_until_the_sign_in_is_locked(as_ada: Browser, pat: User) -> None:
    def guess(number: int) -> None:
        for n in range(number):
            send("/token", {"grant_type": "password", "username": pat.email, "password": f"guess {n}"})

    guess(3)
    page = shown(as_ada, person=pat.pk)
    assert page["may_sign_in"]
    assert page["sign_in"][-1].text == "Sign-in is not locked: 3 wrong passwords lately."
    guess(6)
    page = shown(as_ada, person=pat.pk)
    locked = the_one(page, "sign_in")
    assert re.fullmatch(r"Sign-in is locked until .+, after 9 failures\.", locked.text)
    assert (page["may_sign_in"], locked.mend[0]) == (False, "Unlock the sign-in")


@pytest.mark.parametrize(("days", "words"), [(1, "The temporary password expired on"), (0, "The password is a temp")])
def test_a_temporary_password_must_be_changed_in_time(
    as_ada: Browser, pat: User, clock: Clock, days: int, words: str
) -> None:
    pat.set_temporary_password(make_password(PASSWORD))
    clock.move(30 * days * DAY)
    page = shown(as_ada, person=pat.pk)
    assert the_one(page, "sign_in").text.startswith(words)
    assert page["may_sign_in"] is False
    assert the_one(page, "sign_in").mend == ("Set a temporary password", f"{LIST}{pat.pk}/temporary-password/")


def test_whoever_has_no_password_cannot_sign_in(as_ada: Browser, pat: User) -> None:
    pat.set_unusable_password()
    pat.save()
    page = shown(as_ada, person=pat.pk)
    assert (unmet(page, "sign_in"), page["may_sign_in"]) == (["There is no password."], False)


def test_ended_sessions_say_why(as_ada: Browser, issued: Any) -> None:
    issued.office.post(f"{LIST}{issued.pat.pk}/sign-out/")
    page = shown(as_ada, person=issued.pat.pk)
    assert [condition.is_met for condition in page["sessions"]] == [None, None]
    assert page["sessions"][0].text == "0 sessions are open."
    assert page["sessions"][1].text.endswith(" ended: ended in the Back Office.")
    assert page["sessions"][1].change.who == "ada.admin@example.test"


# --- Who may see what -------------------------------------------------------------------------------------------
def test_nobody_is_found_who_is_not_there(as_ada: Browser, pat: User) -> None:
    for asked, words in (
        ({"person": "nobody@example.test"}, "No person has the name, e-mail or ID “nobody@example.test”."),
        ({"person": ""}, "This field is required."),
        ({"person": pat.email, "warehouse": "Nowhere"}, "No warehouse has the name or ID “Nowhere”."),
    ):
        page = shown(as_ada, **asked)
        assert "person" not in page or page["person"] is None
        assert words in str(page["form"].errors)
    assert shown(as_ada)["form"].errors == {}


def test_a_role_sees_only_what_it_may_see_and_mend(
    make_user: Callable[..., User], working: WarehouseUserAssignment, pat: User
) -> None:
    """An Auditor may change nothing; a Warehouse manager does not see sessions."""
    User.objects.filter(pk=pat.pk).update(status=User.Status.BLOCKED)
    auditor = signed_in(member(make_user("aud.auditor@example.test"), "Auditor"))
    warehouses = signed_in(member(make_user("wes.warehouses@example.test"), "Warehouse manager"))
    for browser, sees_sessions in ((auditor, True), (warehouses, False)):
        page = shown(browser, person=pat.pk)
        assert the_one(page, "account").mend is None
        assert bool(page["sessions"]) is sees_sessions
    working.deactivate()
    assert the_one(shown(auditor, person=pat.pk, warehouse="North Dock"), "work").mend is None
    assert the_one(shown(warehouses, person=pat.pk, warehouse="North Dock"), "work").mend is not None


def test_a_refusal_in_security_events_leads_to_the_page(as_ada: Browser, pat: User) -> None:
    send("/token", {"grant_type": "password", "username": pat.email, "password": "wrong"})
    events = as_ada.get(reverse("admin:users_auditevent_changelist")).content.decode()
    (link,) = re.findall(r'href="([^"]*/why/[^"]*)"', events)
    assert as_ada.get(link).context["person"] == pat
    AuditEvent.objects.update(tag="successful_login")
    assert "/why/" not in as_ada.get(reverse("admin:users_auditevent_changelist")).content.decode()


def test_the_page_of_a_person_leads_to_it(as_ada: Browser, pat: User) -> None:
    (link,) = re.findall(r'href="([^"]*/why/[^"]*)"', as_ada.get(f"{LIST}{pat.pk}/view/").content.decode())
    assert as_ada.get(link).context["person"] == pat
