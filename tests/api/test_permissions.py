"""Who may call what: one table, for every route and method of the URLconf (contract section 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import (
    ASSIGNMENTS,
    FORBIDDEN,
    FORM,
    INVALID_TOKEN,
    NOT_FOUND,
    PASSWORD,
    UNAUTHORIZED,
    Api,
    error,
    refusal,
    sign_in,
)
from tests.support.api.permissions import _CALLERS, cells, undone
from tests.support.api.questions import question
from tests.support.confinement import confined
from tests.support.oauth.code_flow import PARTNER, basic, login_form
from tests.support.oauth.introspection import BAD_CLIENT, CHALLENGE
from users import roles
from users.models import Session, User
from users.oauth.key_ring import key_ring
from users.oauth.tokens import AccessToken
from warehouses.models import Warehouse

#: Routes that take a question as JSON.
DECISIONS = ("access/v1/evaluation", "access/v1/evaluations")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(patterns: list[Any]) -> Iterator[str]:
    """Every route of the URLconf but those of pages, as the table spells them."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if str(pattern.pattern) not in ("admin/", "account/"):
                yield from routes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name != "home":
            yield _spelling(pattern)


def _spelling(pattern: URLPattern) -> str:
    text = str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix("/?").replace("\\", "")
    return text.replace("(?P<uuid>[^/]+)", "{uuid}") or "(any other path)"


def test_the_table_names_every_route_and_method() -> None:
    named = {(method, route) for method, route, _, _ in cells()}
    assert named == {(method, route) for route in routes(get_resolver().url_patterns) for method in _METHODS}


@pytest.fixture
def callers(
    olive: User, pat: User, make_user: Callable[..., User], pat_north: Any, mill: Warehouse, partner: Any
) -> dict[str, dict[str, str]]:
    """The headers of each kind of caller."""
    pat_north.activate()
    tokens = {name: sign_in(pat.email)["access_token"] for name in ("broken", "expired", "ended", "own", "other")}
    tokens["office"] = sign_in(olive.email)["access_token"]
    manager = confined(make_user("mia.manager@example.test"), roles.SITE_MANAGER, pat_north.warehouse, mill)
    tokens["mine"] = tokens["cut"] = sign_in(manager.email)["access_token"]
    tokens["blocked"] = _blocked(make_user("bo.blocked@example.test", is_warehouse_user=True))
    tokens["broken"] = tokens["broken"][:-4] + "AAAA"
    tokens["expired"] = _expired(tokens["expired"])
    Session.objects.filter(pk=AccessToken(tokens["ended"]).session_id).update(ended_at=datetime.now(UTC))
    tokens["bearer"] = Api(tokens["own"]).post("/warehouse-tokens").json()[0]["accessToken"]
    proofs = {name: f"Bearer {token}" for name, token in tokens.items()}
    proofs |= {"client": basic("partner", partner.secret), "wrong": basic("partner", "guessed")}
    return {"nobody": {}, **{name: {"Authorization": proof} for name, proof in proofs.items()}}


def _blocked(user: User) -> str:
    token = sign_in(user.email)["access_token"]
    User.objects.filter(pk=user.pk).update(status=User.Status.BLOCKED)
    return token


def _expired(token: str) -> str:
    claims = AccessToken(token).payload
    return key_ring.encode(claims | {"exp": (datetime.now(UTC) - timedelta(minutes=1)).timestamp()})


@pytest.fixture
def forms(app: str, partner: Any, pat: User, pat_north: WarehouseUserAssignment) -> dict[str, dict[str, Any]]:
    """Caller → route of OAuth → what it accepts. A confidential client withdraws only what was issued to itself."""
    password = {"grant_type": "password", "username": pat.email, "password": PASSWORD}

    def accepted(token: str, **client: str) -> dict[str, Any]:
        wanted = {"token": token}
        return {"token": password, "authorize": login_form(pat, **client), "revoke": wanted, "introspect": wanted} | {
            route: question(pat.uuid, pat_north.warehouse.uuid) for route in DECISIONS
        }

    ours = sign_in(pat.email)["access_token"]
    theirs = sign_in(pat.email, client_id="partner", client_secret=partner.secret)["access_token"]
    of_the_client = accepted(theirs, client_id="partner", redirect_uri=PARTNER)
    return dict.fromkeys(_CALLERS, accepted(ours)) | dict.fromkeys(("client", "wrong"), of_the_client)


def test_everyone_may_do_what_the_table_says_and_no_more(
    callers: dict[str, dict[str, str]],
    forms: dict[str, dict[str, Any]],
    pat_north: WarehouseUserAssignment,
    sam_north: WarehouseUserAssignment,
    make_user: Callable[..., User],
    assign: Callable[..., WarehouseUserAssignment],
    river: Warehouse,
    mill: Any,
) -> None:
    sid_river = assign(make_user("sid.sorter@example.test", is_warehouse_user=True), river)
    rows = {"other": sam_north, "cut": sid_river}
    for method, route, caller, status in cells():
        with undone():
            api, form = Api(headers=callers[caller]), forms[caller].get(route)
            row = rows.get(caller, pat_north)
            answer = send_form(api, method, route, form) if form else call(api, method, route, caller, row, mill)
            assert answer.status_code == status, (method, route, caller, answer.content)
            _check_refusal(answer, status, CHALLENGE if form else "Bearer")
            if form:
                _check_answer_to_form(answer, status, route, form)


def send_form(api: Api, method: str, route: str, form: dict[str, Any]) -> Any:
    """The request of one cell of a route of OAuth; of a question, which is JSON."""
    if route in DECISIONS:
        return api.call(method, f"/{route}", form, content_type="application/json")
    return api.call(method, f"/{route}", urlencode(form).encode(), content_type=FORM)


def call(api: Api, method: str, route: str, caller: str, row: WarehouseUserAssignment, elsewhere: Warehouse) -> Any:
    """The request of one cell, with a body that would be accepted from who may send it."""
    objects: dict[str, Any] = {"warehouse-user-assignments": row, "users": row.user, "warehouses": row.warehouse}
    resource = route.partition("/")[0]
    if resource == "warehouses" and caller == "other":
        objects["warehouses"] = elsewhere
    path = route.replace("{uuid}", str(objects[resource].uuid) if resource in objects else "")
    attributes: dict[str, Any] = {"isActive": True}
    if method == "POST":
        attributes |= {"userUuid": str(row.user.uuid), "warehouse": {"uuid": str(elsewhere.uuid)}}
    body = None if method in ("GET", "DELETE") else {"data": {"attributes": attributes}}
    return api.call(method, f"/{'no-such-path' if route.startswith('(') else path}", body)


def _check_refusal(answer: Any, status: int, challenge: str) -> None:
    """A refusal says the documented words, and asks for a proof where one would help (RFC 6750 section 3)."""
    if "vnd.api+json" in answer.get("Content-Type", ""):
        words: dict[int, list[Any]] = {
            400: [error(400, "User not found.", "5202", pointer="/data/attributes/userUuid")],
            401: [UNAUTHORIZED, INVALID_TOKEN],
            403: [FORBIDDEN],
            404: [
                NOT_FOUND,
                error(404, "User not found.", "5202"),
                error(404, "Warehouse not found.", "5203"),
                error(404, "Not found", "007"),
            ],
            405: [error(405, "Method does not exist", "008")],
        }
        assert status < 400 or refusal(answer)[0] in words[status]
    assert answer.get("WWW-Authenticate") == (challenge if status == 401 else None)
    assert status != 405 or answer["Allow"]


def _check_answer_to_form(answer: Any, status: int, route: str, form: dict[str, Any]) -> None:
    """Only the client is at fault. And what is 200 is done: an unknown token is answered so, too."""
    if status in (400, 401):
        assert answer.json() == BAD_CLIENT
    elif route in DECISIONS and status == 200:
        assert answer.json() == {"decision": True}
    elif (route, status) == ("introspect", 200):
        assert answer.json()["active"] is True
    elif (route, status) == ("revoke", 200):
        assert Session.objects.get(pk=AccessToken(form["token"]).session_id).ended_at is not None


# --- Tokens whose account has changed since ---------------------------------------------------------------------
def test_a_back_office_token_of_a_flagged_person_keeps_its_methods_for_own_rows(
    as_olive: Api, olive: User, north: Warehouse, sam_north: WarehouseUserAssignment, assign: Callable[..., Any]
) -> None:
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=True)
    own = assign(olive, north)
    assert [row["id"] for row in as_olive.get(ASSIGNMENTS).json()["data"]] == [str(own.uuid)]
    for method in ("GET", "PATCH", "DELETE"):
        body = {"data": {"attributes": {"isActive": True}}} if method == "PATCH" else None
        assert refusal(as_olive.call(method, f"{ASSIGNMENTS}/{sam_north.uuid}", body)) == [NOT_FOUND]
        assert as_olive.call(method, f"{ASSIGNMENTS}/{own.uuid}", body).status_code in (200, 204)


def test_a_warehouse_users_token_never_sees_other_rows_even_when_the_flag_is_gone(
    as_pat: Api, pat: User, pat_north: WarehouseUserAssignment, sam_north: WarehouseUserAssignment
) -> None:
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    assert [row["id"] for row in as_pat.get(ASSIGNMENTS).json()["data"]] == [str(pat_north.uuid)]
    assert refusal(as_pat.get(f"{ASSIGNMENTS}/{sam_north.uuid}")) == [NOT_FOUND]
    assert refusal(as_pat.delete(f"{ASSIGNMENTS}/{pat_north.uuid}")) == [FORBIDDEN]
    assert refusal(as_pat.post(ASSIGNMENTS, {})) == [FORBIDDEN]
    assert len(as_pat.get("/users").json()["data"]) == 1


def test_a_view_that_declares_no_rights_is_refused_to_everyone(as_olive: Api, monkeypatch: Any) -> None:
    from users.views import UserViewSet

    monkeypatch.delattr(UserViewSet, "rights")
    assert refusal(as_olive.get("/users")) == [FORBIDDEN]
