"""Nothing is written but what the contract names: every field of every model, sent along, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser
from rest_framework_json_api.utils import format_field_name

from assignments.models import WarehouseUserAssignment
from tests.conftest import make_client
from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api, sign_in
from tests.support.api.questions import JSON, MANY, ONE, gate, question
from tests.support.back_office.staff import LIST, NEW_PASSWORD, person, signed_in
from tests.support.fuzzing.mass_assignment import all_fields, fields, rows, written_by
from tests.support.oauth.code_flow import code_for, login_form, redemption, send
from tests.support.oauth.held_tokens import Issued, service
from users.models import User
from users.oauth.requests import _snake_case
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

Row = WarehouseUserAssignment


def check(ask: Callable[[dict[str, Any]], Any], status: int, but: set[str]) -> None:
    """`ask` sends some more; that changes neither the status nor what is written. `but` are names that are its own."""
    before = rows()
    expected = written_by(lambda: ask({}), before)
    assert expected[0] == status
    for found in all_fields():
        some = {name: value for name, value in found.items() if name not in but}
        assert written_by(partial(ask, some), before) == expected, sorted(some)


# --- JSON:API ---------------------------------------------------------------------------------------------------
def documents(own: dict[str, Any], more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same document with more in each of its places."""
    data = {"type": "warehouse-user-assignments", "attributes": own}
    yield {"data": data | {"attributes": more | own}}
    yield {"data": more | data}
    yield more | {"data": data}
    yield {
        "data": data | {"relationships": {name: {"data": {"type": name, "id": value}} for name, value in more.items()}}
    }
    yield {"data": data | {"relationships": more, "meta": more, "links": more}, "meta": more, "included": [more]}
    yield {"data": data | {"attributes": own | {"warehouse": more | own.get("warehouse", {})}}}


OF_DOCUMENTS = {
    "userUuid",
    "warehouse",
    "isActive",
    "startsAt",
    "endsAt",
    "data",
    "type",
    "attributes",
    "meta",
    "links",
    "included",
    "uuid",
}
PLACES = range(6)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_flagged", [False, True], ids=["Back Office user", "who became a warehouse user"])
def test_a_new_assignment_has_nothing_but_person_warehouse_and_whether_it_is_active(
    as_olive: Api, olive: User, pat: User, sam_north: Row, river: Warehouse, place: int, is_flagged: bool
) -> None:
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=is_flagged)
    whom = olive if is_flagged else pat
    own = {"userUuid": str(whom.uuid), "warehouse": {"uuid": str(river.uuid)}}

    def ask(more: dict[str, Any]) -> Any:
        return as_olive.call("POST", ASSIGNMENTS, [*documents(own, more)][place])

    check(ask, 201, OF_DOCUMENTS)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", ["Back Office user", "warehouse user"])
@pytest.mark.parametrize("own", [{}, {"isActive": True}], ids=["as it is", "active"])
def test_a_change_of_an_assignment_changes_nothing_but_whether_it_is_active(
    as_olive: Api, as_pat: Api, pat_north: Row, pat_river: Row, sam_north: Row, place: int, caller: str, own: Any
) -> None:
    pat_river.activate()
    api = as_olive if caller == "Back Office user" else as_pat

    def ask(more: dict[str, Any]) -> Any:
        return api.call("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", [*documents(own, more)][place])

    check(ask, 200, OF_DOCUMENTS | {"id"})


def test_whoever_may_not_write_writes_nothing_whatever_is_sent(
    as_pat: Api, anonymous: Api, pat_north: Row, sam_north: Row, river: Warehouse
) -> None:
    own = {"userUuid": str(pat_north.user.uuid), "warehouse": {"uuid": str(river.uuid)}}
    for api, method, path, status in (
        (as_pat, "POST", ASSIGNMENTS, 403),
        (as_pat, "PATCH", f"{ASSIGNMENTS}/{sam_north.uuid}", 404),
        (as_pat, "DELETE", f"{ASSIGNMENTS}/{pat_north.uuid}", 403),
        (as_pat, "PATCH", f"/users/{pat_north.user.uuid}", 405),
        (as_pat, "POST", "/warehouses", 405),
        (anonymous, "POST", ASSIGNMENTS, 401),
    ):
        body = {"data": {"attributes": fields(flag=True) | own}}
        written = written_by(partial(api.call, method, path, body))
        assert written == (status, {}, {}), (method, path)


def test_a_warehouse_token_is_for_the_current_warehouse_whatever_is_sent(
    as_pat: Api, pat_north: Row, pat_river: Row
) -> None:
    pat_north.activate()
    check(lambda more: as_pat.call("POST", "/warehouse-tokens", {"data": {"attributes": more}, **more}), 201, set())


# --- OAuth ------------------------------------------------------------------------------------------------------
#: What the routes of OAuth read, in either spelling.
OF_OAUTH = {
    "grant_type", "username", "password", "scope", "code", "client_id", "client_secret", "redirect_uri", "state",
    "code_verifier", "code_challenge", "code_challenge_method", "response_type", "refresh_token", "token",
    "token_type_hint", "everywhere",
}  # fmt: skip


def check_oauth(path: str, form: dict[str, Any], *, as_json: bool = False) -> None:
    def ask(more: dict[str, Any]) -> Any:
        sent = {name: str(value) for name, value in more.items() if _snake_case(name) not in OF_OAUTH} | form
        return Api().call("POST", path, sent) if as_json else send(path, sent)

    check(ask, 200, set())


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "JSON"])
@pytest.mark.parametrize("who", ["olive", "pat"])
def test_a_sign_in_starts_a_session_and_nothing_else(request: Any, who: str, as_json: bool) -> None:
    person = request.getfixturevalue(who)
    check_oauth("/token", {"grant_type": "password", "username": person.email, "password": PASSWORD}, as_json=as_json)


def test_a_code_is_made_and_redeemed_and_nothing_else(app: str, pat: User, make_user: Any) -> None:
    check_oauth("/authorize", login_form(pat))
    check_oauth("/token", redemption(code_for(pat)))


def test_refreshing_and_withdrawing_do_that_and_nothing_else(pat: User, sam: User) -> None:
    sign_in(sam.email)
    tokens = sign_in(pat.email)
    check_oauth("/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    check_oauth("/revoke", {"token": tokens["access_token"]})


def test_asking_about_a_token_changes_nothing(pat: User) -> None:
    check_oauth("/introspect", {"token": sign_in(pat.email)["access_token"], **service("picking")})


def test_asking_for_decisions_changes_nothing(issued: Issued) -> None:
    asked = question(issued.pat.uuid, issued.row.warehouse.uuid)

    def ask(path: str, more: dict[str, Any]) -> Any:
        return gate(**issued.service).call("POST", path, more | asked, content_type=JSON)

    for path in (ONE, MANY):
        check(partial(ask, path), 200, set())


# --- The Back Office --------------------------------------------------------------------------------------------
#: What pages read besides their forms: which button was pressed, and in which window.
OF_PAGES = {"_save", "_popup", "_continue", "_addanother", "_saveasnew", "seen", "action", "next", "confirmed", "post"}


def check_form(client: Browser, path: str, form: dict[str, Any]) -> None:
    """Sends more than the page shows to this person. Names of its fields are its own."""
    page = client.get(path)
    context = page.context
    shown = (context["adminform"].form if "adminform" in context else context["form"]).fields

    def ask(more: dict[str, Any]) -> Any:
        return client.post(path, more | form)

    check(ask, 302, OF_PAGES | set(shown) | set(form))


@pytest.mark.parametrize("who", ["ada", "manager"])
def test_a_persons_page_writes_what_it_shows(request: Any, who: str, pat: User, ada: User) -> None:
    """A Staff manager's has no field for superusers, and nobody's one for second factors or single permissions."""
    client = signed_in(request.getfixturevalue(who))
    check_form(client, f"{LIST}{pat.pk}/change/", person(pat, first_name="Patricia"))
    new = {"email": "new.hand@example.test", "first_name": "New", "last_name": "Hand", "language": "en_US"}
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    check_form(client, f"{LIST}add/", new | passwords | {"is_warehouse_user": "on"})


def test_the_own_page_does_not_write_what_it_only_shows(ada: User) -> None:
    """Nobody blocks themselves, or makes themselves a warehouse user."""
    form = person(ada, first_name="Adele")
    expected = written_by(lambda: signed_in(ada).post(f"{LIST}{ada.pk}/change/", form))
    told = written_by(
        lambda: signed_in(ada).post(f"{LIST}{ada.pk}/change/", form | {"status": "blocked", "is_warehouse_user": "on"})
    )
    assert told == expected
    assert expected[0] == 302


def test_a_warehouses_page_writes_what_it_shows(as_ada: Browser, north: Warehouse) -> None:
    form = {"name": "South Dock", "is_active": "True", "note": ""}
    check_form(as_ada, f"/admin/warehouses/warehouse/{north.pk}/change/", form)
    check_form(as_ada, "/admin/warehouses/warehouse/add/", form)


@pytest.mark.parametrize("is_confidential", [False, True])
def test_a_clients_page_writes_what_it_shows(as_ada: Browser, is_confidential: bool) -> None:
    """Neither its identifier nor its kind once it is registered, and never its secret."""
    printer = make_client(client_id="label-printer", is_confidential=is_confidential)
    lines = {"redirect_uris": "https://a.test/cb", "allowed_origins": "https://a.test"}
    check_form(as_ada, f"/admin/users/client/{printer.pk}/change/", {"name": "Printer", **lines})
    new = {"client_id": "scales", "name": "Scales", "is_confidential": "False", **lines}
    check_form(as_ada, "/admin/users/client/add/", new)


def test_a_roles_page_writes_what_it_shows(as_ada: Browser) -> None:
    role = Group.objects.get(name="Auditor")
    rights = [right.pk for right in role.permissions.all()]
    check_form(as_ada, f"/admin/auth/group/{role.pk}/change/", {"name": "Reader", "permissions": rights})
    check_form(as_ada, "/admin/auth/group/add/", {"name": "Reader", "permissions": rights})


def test_the_page_of_the_own_password_writes_that(ada: User, olive: User) -> None:
    passwords = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    def ask(more: dict[str, Any]) -> Any:
        return signed_in(olive).post("/admin/password_change/", more | passwords)

    check(ask, 302, OF_PAGES)


# --- The look itself --------------------------------------------------------------------------------------------
def test_the_fields_that_would_open_most_are_among_those_sent(db: None) -> None:
    for name in ("is_superuser", "user_permissions", "password", "secret_digest", "has_two_factor", "user_id", "pk"):
        assert name in fields(flag=True)
        assert format_field_name(name) in fields(flag=True, spell=format_field_name)


def test_what_is_written_besides_would_be_seen(pat: User) -> None:
    def change(**more: Any) -> Any:
        User.objects.filter(pk=pat.pk).update(first_name="Patricia", **more)
        return Browser().get("/schema")

    expected = written_by(change)
    for more in ({"is_superuser": True}, {"last_name": "X"}, {"signed_out_at": "2001-02-03T04:05:06Z"}):
        assert written_by(partial(change, **more)) != expected
