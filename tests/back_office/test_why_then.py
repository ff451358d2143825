"""The page *Why?* about a past moment: what was so then, by the history, beside what is so now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from assignments.access.decision import Reason, decide
from assignments.access.past import decide_at, person_at
from assignments.models import WarehouseUserAssignment
from tests.support.api.client import PASSWORD
from tests.support.back_office.staff import switch
from tests.support.back_office.why import answered, mends, texts, unmet
from tests.support.clock import Clock
from tests.support.oauth.held_tokens import Issued
from users.models import User
from users.models.oauth.client import Client
from warehouses.models import Warehouse

HOUR = timedelta(hours=1)


@pytest.fixture
def working(clock: Clock, pat_north: WarehouseUserAssignment, pat_river: Any) -> WarehouseUserAssignment:
    clock.move(HOUR)
    pat_north.activate()
    clock.move(HOUR)
    return pat_north


def then(browser: Browser, clock: Clock, **asked: Any) -> dict[str, Any]:
    """The state of an hour before."""
    page = answered(browser, moment=(clock.now - HOUR).isoformat(), **asked)
    assert page["form"].errors == {}
    past, now = page["states"]
    assert (past["moment"], now["moment"]) == (clock.now - HOUR, None)
    return dict(past)


def test_what_was_so_is_told_beside_what_is_so(
    as_ada: Browser, as_manager: Browser, manager: User, working: WarehouseUserAssignment, pat: User, clock: Clock
) -> None:
    switch(as_manager, pat, "deactivate")
    clock.move(HOUR / 2)
    page = answered(as_ada, person=pat.pk, moment=(clock.now - HOUR).isoformat())
    past, now = page["states"]
    assert [(state["may_sign_in"], state["may_work"]) for state in (past, now)] == [(True, True), (False, False)]
    assert [unmet(state, "account") for state in (past, now)] == [[], ["The account is deactivated."]]
    assert texts(past, "work") == [
        "They are a warehouse user.",
        "North Dock is available.",
        "North Dock is assigned to them.",
        "Period of the assignment: unlimited.",
        "They worked there.",
    ]
    assert texts(past, "sign_in") == [
        "The password was not a temporary one. Which it was is not recorded.",
        "Whether sign-in was locked is not recorded: Security events show the failures.",
    ]
    assert [condition.is_met for condition in past["sign_in"]] == [None, None]
    assert (mends(past, "account"), len(mends(now, "account"))) == ([], 1)


def test_what_stood_in_the_way_then_is_named_with_who_had_done_it(
    as_ada: Browser, as_manager: Browser, manager: User, working: WarehouseUserAssignment, pat: User, clock: Clock
) -> None:
    switch(as_manager, pat, "deactivate")
    clock.move(HOUR)
    switch(as_manager, pat, "activate")
    past = then(as_ada, clock, person=pat.pk)
    (blocked,) = [condition for condition in past["account"] if condition.is_met is False]
    assert (blocked.text, blocked.change.who) == ("The account is deactivated.", manager.email)
    assert blocked.change.position.moment == clock.now - HOUR
    assert (past["may_sign_in"], past["may_work"], mends(past, "account")) == (False, False, [])


#: What was so an hour before, and no longer is: SQL of a row, and the reason and words of then.
def was_no_picker(row: WarehouseUserAssignment, clock: Clock) -> None:
    User.objects.filter(pk=row.user_id).update(is_warehouse_user=False)


def was_closed(row: WarehouseUserAssignment, clock: Clock) -> None:
    Warehouse.objects.filter(pk=row.warehouse_id).update(is_active=False)


def was_not_assigned(row: WarehouseUserAssignment, clock: Clock) -> None:
    row.deassign()


def was_over(row: WarehouseUserAssignment, clock: Clock) -> None:
    row.set_period(ends_at=clock.now - HOUR / 2)


def was_not_begun(row: WarehouseUserAssignment, clock: Clock) -> None:
    row.set_period(starts_at=clock.now + HOUR / 2)


def was_nowhere(row: WarehouseUserAssignment, clock: Clock) -> None:
    row.deactivate()


def was_elsewhere(row: WarehouseUserAssignment, clock: Clock) -> None:
    WarehouseUserAssignment.objects.get(warehouse__name="River Annex").activate()


CASES: dict[Any, tuple[Reason, str]] = {
    was_no_picker: (Reason.NOT_A_WAREHOUSE_USER, "They are a Back Office user."),
    was_closed: (Reason.WAREHOUSE_NOT_AVAILABLE, "North Dock is not available."),
    was_not_assigned: (Reason.NOT_ASSIGNED, "North Dock is not assigned to them."),
    was_over: (Reason.ASSIGNMENT_OVER, "Period of the assignment: "),
    was_not_begun: (Reason.ASSIGNMENT_NOT_BEGUN, "Period of the assignment: "),
    was_nowhere: (Reason.NOT_ACTIVE, "They worked nowhere."),
    was_elsewhere: (Reason.ACTIVE_ELSEWHERE, "They worked in River Annex."),
}


@pytest.mark.parametrize("act", CASES, ids=lambda act: act.__name__)
def test_each_condition_of_then_is_that_of_then(
    as_ada: Browser, working: WarehouseUserAssignment, pat: User, clock: Clock, act: Any
) -> None:
    """The decision about a past moment is the one that was made at that moment."""
    act(working, clock)
    reason, words = CASES[act]
    at, warehouse = clock.now, working.warehouse
    decided = decide(pat.uuid, warehouse.uuid)
    assert decided.reasons == (reason,)
    clock.move(HOUR)
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=True)
    Warehouse.objects.update(is_active=True)
    WarehouseUserAssignment.objects.all().delete()
    WarehouseUserAssignment.objects.create(user=pat, warehouse=warehouse, is_active=True)
    assert decide(pat.uuid, warehouse.uuid).is_permitted
    assert decide_at(person_at(pat.pk, at), warehouse.pk, at) == decided
    past = then(as_ada, clock, person=pat.pk, warehouse="North Dock")
    (text,) = unmet(past, "work")
    assert text.startswith(words)
    assert past["may_work"] is False


def test_employment_and_temporary_password_of_then(as_ada: Browser, working: Any, pat: User, clock: Clock) -> None:
    person = User.objects.get(pk=pat.pk)
    person.set_temporary_password(make_password(PASSWORD))
    User.objects.filter(pk=pat.pk).update(employed_until=clock.now)
    clock.move(HOUR)
    User.objects.filter(pk=pat.pk).update(employed_until=None, must_change_password_by=None)
    past = then(as_ada, clock, person=pat.pk)
    assert len(unmet(past, "account")) == 1
    assert unmet(past, "account")[0].startswith("Employment: until ")
    assert unmet(past, "sign_in")[0].startswith("The password is a temporary one: ")
    assert past["may_sign_in"] is False


def test_who_was_not_there_yet_is_not_told_of(as_ada: Browser, working: Any, clock: Clock, make_user: Any) -> None:
    wanda = make_user("wanda.wheels@example.test", is_warehouse_user=True)
    clock.move(HOUR / 2)
    past = then(as_ada, clock, person=wanda.pk, warehouse="North Dock")
    assert texts(past, "account") == ["The person was not there then, as far as the history knows."]
    assert (past["sign_in"], past["work"], past["may_sign_in"], past["may_work"]) == ([], [], False, False)


def test_sessions_of_then_are_counted(as_ada: Browser, clock: Clock, issued: Issued) -> None:
    """Python's clock, which does not move here, has begun and ended them."""
    session = issued.session
    session.end("signed out")
    session.refresh_from_db()
    clock.move(HOUR)
    moment: Any
    for moment, number in ((session.created_at, "1 session is open."), (session.ended_at, "0 sessions are open.")):
        page = answered(as_ada, person=issued.pat.pk, moment=moment.isoformat())
        assert texts(page["states"][0], "sessions")[0] == number


def test_a_client_of_then(as_ada: Browser, clock: Clock) -> None:
    client = Client.objects.create(client_id="app", name="App", redirect_uris=["https://app.example.test/cb"])
    clock.move(HOUR)
    Client.objects.update(redirect_uris=[])
    clock.move(HOUR)
    page = answered(as_ada, client="app", moment=(clock.now - HOUR * 1.5).isoformat())
    past, now = page["states"]
    assert unmet(past, "of_client") == []
    assert unmet(now, "of_client") == ["No redirect address is registered: people cannot sign in through it."]
    client.delete()
    clock.move(HOUR)
    past, now = answered(as_ada, client="app", moment=(clock.now - HOUR * 1.5).isoformat())["states"]
    assert len(past["of_client"]) > 1
    assert texts(now, "of_client") == ["The client was removed."]


def test_a_moment_is_neither_of_the_future_nor_from_before_the_history(
    as_ada: Browser, pat: User, clock: Clock, settings: Any
) -> None:
    for moment, words in (
        (clock.now + HOUR, "This moment has not come yet."),
        (clock.now - HOUR, "The history begins on "),
        ("yesterday", "Enter a date and a time, such as 2026-12-31 14:00."),
    ):
        page = answered(as_ada, person=pat.pk, moment=moment if isinstance(moment, str) else moment.isoformat())
        assert str(page["form"].errors["moment"][0]).startswith(words)
        assert "states" not in page


def test_a_moment_costs_a_fixed_number_of_queries(as_ada: Browser, working: Any, pat: User, clock: Clock) -> None:
    """However long the history is."""
    then(as_ada, clock, person=pat.pk)
    with CaptureQueriesContext(connection) as few:
        then(as_ada, clock, person=pat.pk)
    for name in "abcdef":
        User.objects.filter(pk=pat.pk).update(first_name=name)
        Warehouse.objects.filter(pk=working.warehouse_id).update(note=name)
    with CaptureQueriesContext(connection) as many:
        then(as_ada, clock, person=pat.pk)
    assert len(many) == len(few)
