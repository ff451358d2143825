"""The end of employment: from that moment of PostgreSQL's clock on, an account does nothing more, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.models import WarehouseUserAssignment
from config.database.periods import database_now
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, PASSWORD, Api, refusal, sign_in
from tests.support.back_office.staff import LIST, signed_in
from tests.support.cases import each
from tests.support.clock import Clock
from tests.support.oauth.code_flow import (
    BAD_CREDENTIALS,
    MALFORMED,
    VERIFIER,
    ask,
    assert_refused,
    code_for,
    redeem,
    send,
)
from tests.support.oauth.held_tokens import INACTIVE, Issued, post
from tests.support.oauth.refreshing import BAD_REFRESH_TOKEN, refresh
from tests.support.sign_in.login import LOGIN, NEW_PASSWORD, is_in, link_for, log_in, text
from tests.support.waiting import until
from users.models import User
from users.saving import save_many

DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)


def set_end(person: User, end: datetime | None) -> None:
    """As SQL does it, without the write methods."""
    User.objects.filter(pk=person.pk).update(employed_until=end)


def leave(person: User, clock: Clock) -> Callable[[], None]:
    """Sets the end, and moves the clock to just before. What is returned moves it to the end."""
    set_end(person, clock.now + DAY)
    clock.move(DAY - MILLISECOND)
    return lambda: clock.move(MILLISECOND)


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


# --- What was issued before -------------------------------------------------------------------------------------
def test_all_that_was_issued_is_refused_at_the_instant(issued: Issued, clock: Clock) -> None:
    end = leave(issued.pat, clock)
    api = Api(issued.user_token)
    assert api.get(ASSIGNMENTS).status_code == 200
    assert api.post("/warehouse-tokens").status_code == 201
    assert issued.introspected(issued.warehouse_token)["active"] is True
    assert issued.introspected(issued.user_token)["active"] is True
    session, warehouse = (refresh(one).json() for one in (issued.refresh_token, issued.warehouse_refresh_token))
    end()
    for token in (session["access_token"], issued.user_token):
        assert refusal(Api(token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
        assert refusal(Api(token).patch(f"{ASSIGNMENTS}/{issued.row.uuid}", {"isActive": False})) == [INVALID_TOKEN]
        assert Api(token).post("/warehouse-tokens").status_code == 401
        assert issued.introspected(token) == INACTIVE
    for token in (warehouse["access_token"], issued.warehouse_token):
        assert issued.introspected(token) == INACTIVE
    for token in (session["refresh_token"], warehouse["refresh_token"]):
        answer = refresh(token)
        assert (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN)
    assert WarehouseUserAssignment.objects.get(pk=issued.row.pk).is_active  # as stored: nothing ran


def test_tokens_expire_with_the_employment_at_the_latest(
    pat: User, pat_north: WarehouseUserAssignment, settings: Any
) -> None:
    pat_north.activate()
    assert sign_in(pat.email)["expires_in"] == settings.ACCESS_TOKEN_SECONDS
    end = database_now() + timedelta(seconds=40)
    set_end(pat, end)
    tokens = sign_in(pat.email)
    (warehouse,) = Api(tokens["access_token"]).post("/warehouse-tokens").json()
    again = refresh(tokens["refresh_token"]).json()
    refreshed = refresh(warehouse["refreshToken"]).json()
    issued = [(one["access_token"], one["expires_in"]) for one in (tokens, again, refreshed)]
    for token, expires_in in [*issued, (warehouse["accessToken"], warehouse["expiresIn"])]:
        assert claims(token)["exp"] == int(end.timestamp())
        assert expires_in == claims(token)["exp"] - claims(token)["iat"] <= 40


def test_a_code_of_before_is_void(app: str, pat: User, clock: Clock) -> None:
    end = leave(pat, clock)
    code = code_for(pat)
    end()
    for mistake in ({"code_verifier": f"{VERIFIER}x"}, {}):
        assert_refused(redeem(code, **mistake), MALFORMED)


def test_a_browser_is_out_at_the_next_request(olive: User, clock: Clock) -> None:
    inside = signed_in(olive)
    end = leave(olive, clock)
    assert is_in(inside)
    end()
    for answer in (inside.get(LIST), inside.post(f"{LIST}{olive.pk}/sign-out/")):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, LOGIN)


def test_a_browser_is_out_of_the_account_pages(pat: User, clock: Clock) -> None:
    client = Client()
    client.post("/account/login/", {"username": pat.email, "password": PASSWORD})
    end = leave(pat, clock)
    assert client.get("/account/").status_code == 200
    end()
    assert client.get("/account/")["Location"] == "/account/login/?next=/account/"


def test_a_link_for_a_new_password_is_void(olive: User, clock: Clock) -> None:
    end = leave(olive, clock)
    path = link_for(olive.email)
    client = Client()
    form = client.get(path, follow=True).request["PATH_INFO"]
    end()
    before = User.objects.get(pk=olive.pk).password
    for answer in (
        client.post(form, dict.fromkeys(("new_password1", "new_password2"), NEW_PASSWORD), follow=True),
        Client().get(path, follow=True),
    ):
        assert "Invalid request token!" in text(answer)
    assert User.objects.get(pk=olive.pk).password == before


# --- Signing in -------------------------------------------------------------------------------------------------
def test_signing_in_is_refused_from_the_instant_on_as_for_an_unknown_account(
    app: str, olive: User, clock: Clock
) -> None:
    end = leave(olive, clock)
    form = {"grant_type": "password", "username": olive.email, "password": PASSWORD}
    assert send("/token", form).status_code == 200
    assert ask(olive).status_code == 200
    assert log_in(olive.email).status_code == 302
    end()
    assert_refused(send("/token", form), BAD_CREDENTIALS)
    assert_refused(ask(olive), BAD_CREDENTIALS)
    assert send("/token", form).content == send("/token", form | {"username": "nobody@example.test"}).content
    assert text(log_in(olive.email)) == text(log_in("nobody@example.test"))
    assert text(_account_login(olive.email)) == text(_account_login("nobody@example.test"))


def _account_login(email: str) -> Any:
    return Client().post("/account/login/", {"username": email, "password": PASSWORD})


@each("days", [-1, 1])
def test_an_end_costs_a_sign_in_no_query(pat: User, days: int) -> None:
    """Neither one to come nor one that was: `tests/sign_in/test_login.py` counts the hashes."""

    def queries(password: str) -> int:
        with CaptureQueriesContext(connection) as found:
            post("/token", grant_type="password", username=pat.email, password=password)
        return len(found)

    wrong = queries("wrong-Horse-7!")
    right = queries(PASSWORD)
    set_end(pat, database_now() + days * DAY)
    assert queries("wrong-Horse-7!") == wrong
    assert queries(PASSWORD) in ({wrong} if days < 0 else {right, right + 1})  # the last: under the lock


# --- Requests ---------------------------------------------------------------------------------------------------
def test_an_end_to_come_costs_a_request_no_query(
    as_pat: Api, pat: User, pat_north: WarehouseUserAssignment, django_assert_num_queries: Any
) -> None:
    set_end(pat, database_now() + DAY)
    with django_assert_num_queries(2):  # the caller, the rows
        assert as_pat.get(ASSIGNMENTS).status_code == 200


@pytest.mark.usefixtures("north")
def test_lists_cost_no_query_for_each_person_with_an_end(
    as_ada: Client, make_user: Callable[..., User], assign: Any, north: Any
) -> None:
    pages = (LIST, "/admin/assignments/warehouseuserassignment/", f"/admin/warehouses/warehouse/{north.pk}/view/view/")

    def queries() -> list[int]:
        found = []
        for page in pages:
            with CaptureQueriesContext(connection) as one:
                as_ada.get(page)
            found.append(len(one))
        return found

    def hire(name: str, days: int) -> None:
        person = make_user(f"{name}@example.test", is_warehouse_user=True)
        assign(person, north, is_active=True)
        set_end(person, database_now() + days * DAY)

    for number, days in enumerate((1, -1)):
        hire(f"first.{number}", days)
    queries()
    before = queries()
    for number in range(6):
        hire(f"later.{number}", 1 - number % 2 * 2)
    assert queries() == before


# --- Working ----------------------------------------------------------------------------------------------------
def test_whoever_has_left_works_nowhere(issued: Issued, clock: Clock) -> None:
    rows, people = WarehouseUserAssignment.objects, User.objects
    end = leave(issued.pat, clock)
    assert [rows.working().count(), people.working().count(), rows.active_of_idle_people().count()] == [1, 1, 0]
    assert rows.with_is_current().get().works_now
    end()
    assert [rows.working().count(), people.working().count(), rows.active_of_idle_people().count()] == [0, 0, 1]
    for row in (rows.with_state().get(), rows.with_is_current().get()):
        assert not row.works_now
        assert row.why_idle == "Not now: employment ended"
        assert not row.user.can_work
        assert not row.user.is_active
    assert rows.active_for(issued.pat) is None


def test_nothing_else_about_the_person_is_touched(issued: Issued, clock: Clock) -> None:
    """They are listed, and may be assigned for the time after they return."""
    set_end(issued.pat, clock.now)
    assert issued.pat.may_be_assigned
    assert User.objects.listed().filter(pk=issued.pat.pk).exists()
    assert issued.pat.status == "active"


# --- Coming back ------------------------------------------------------------------------------------------------
@each("end", [None, DAY])
def test_whoever_is_employed_again_signs_in_anew(issued: Issued, clock: Clock, end: timedelta | None) -> None:
    """What was refused for the end stays refused: the write method ends it."""
    office = signed_in(issued.pat)
    leave(issued.pat, clock)()
    person = issued.pat
    person.employed_until = clock.now + end if end else None
    person.save()
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert refresh(issued.refresh_token).json() == BAD_REFRESH_TOKEN
    assert refresh(issued.warehouse_refresh_token).json() == BAD_REFRESH_TOKEN
    assert office.get("/account/").status_code == 302
    assert issued.session.end_reason == "employed again"
    assert Api(sign_in(issued.pat.email)["access_token"]).get(ASSIGNMENTS).status_code == 200


def test_an_end_that_is_moved_before_it_comes_signs_nobody_out(issued: Issued, clock: Clock) -> None:
    for end in (DAY, 2 * DAY, DAY / 2, None):
        person = issued.pat
        person.employed_until = clock.now + end if end else None
        person.save()
        assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200
    assert issued.session.end_reason == ""


@each("write", [User.save, lambda person: save_many([], [person], {}), lambda person: set_end(person, None)])
def test_an_end_that_passes_between_the_write_and_the_commit_signs_out(
    issued: Issued, clock: Clock, write: Callable[[User], Any]
) -> None:
    """Between them it was refused: it is not valid again."""
    office, end = signed_in(issued.pat), leave(issued.pat, clock)
    person = User.objects.get(pk=issued.pat.pk)
    person.employed_until = None
    vars(person).update(group_names=[], new_digest="")
    write(person)
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200
    end()
    connection.check_constraints()  # as the commit does
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert refresh(issued.refresh_token).json() == BAD_REFRESH_TOKEN
    assert office.get("/account/").status_code == 302
    assert issued.session.end_reason == "employed again"
    assert Api(sign_in(issued.pat.email)["access_token"]).get(ASSIGNMENTS).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_commit_itself_asks_the_clock(make_user: Callable[..., User]) -> None:
    person = make_user("sea.season@example.test", is_warehouse_user=True)
    sign_in(person.email)
    end = database_now() + 500 * MILLISECOND
    set_end(person, end)
    person.refresh_from_db()
    person.employed_until = None
    with transaction.atomic():
        person.save()
        assert person.sessions.get().is_live
        until(lambda: database_now() > end)
    assert person.sessions.get().end_reason == "employed again"
