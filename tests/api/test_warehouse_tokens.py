"""`POST /warehouse-tokens`, and how long such a token holds (contract sections 2.3 and 0.4)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from jwt import PyJWKSet

from assignments.models import WarehouseGrant, WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, FORBIDDEN, JSON_API, Api, refusal, sign_in
from tests.support.cases import each
from tests.support.oauth.held_tokens import holds
from tests.support.oauth.refreshing import BAD_REFRESH_TOKEN, refresh
from users.models import Session, User
from users.oauth.key_ring import key_ring
from warehouses.models import Warehouse

OPERATION_FORBIDDEN = [{"message": "Operation is forbidden.", "status": 403, "code": "5101"}]


@pytest.fixture
def assignment(pat_north: WarehouseUserAssignment) -> WarehouseUserAssignment:
    """Pat works in North Dock now."""
    pat_north.activate()
    return pat_north


@pytest.fixture
def issued(as_pat: Api, assignment: WarehouseUserAssignment) -> dict[str, Any]:
    """What Pat was given for it."""
    return as_pat.call("POST", "/warehouse-tokens").json()[0]


def security_lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """What was logged for the auditors."""
    return [record.msg for record in caplog.records if record.name == "security"]


# --- The answer -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(None, "application/json"), ({}, "application/json"), (b"", ""), (b"{", JSON_API), (b"x=1", "text/plain")],
)
def test_the_answer_is_an_array_of_one_in_camel_case(
    as_pat: Api, assignment: Any, body: Any, content_type: str
) -> None:
    answer = as_pat.call("POST", "/warehouse-tokens/", body, content_type=content_type)
    assert (answer.status_code, answer.reason_phrase, answer["Content-Type"]) == (201, "Created", "application/json")
    (token,) = answer.json()
    assert set(token) == {"tokenType", "expiresIn", "accessToken", "refreshToken"}
    assert (token["tokenType"], token["expiresIn"]) == ("Bearer", 604_800)
    assert answer["Cache-Control"] == "no-store"


def test_the_claims_are_exact_and_verify_against_the_published_keys(
    issued: dict[str, Any], assignment: WarehouseUserAssignment, settings: Any
) -> None:
    keys = PyJWKSet.from_dict(Client().get("/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(issued["accessToken"])
    claims = jwt.decode(
        issued["accessToken"],
        keys[header["kid"]],
        algorithms=["RS256"],
        issuer=settings.ISSUER,
        audience="frontend",
    )
    assert header == {"typ": "JWT", "alg": "RS256", "kid": keys.keys[0].key_id}
    moments = {name: claims.pop(name) for name in ("iat", "nbf", "exp")}
    assert {type(moment) for moment in moments.values()} == {int}  # strict clients refuse fractions
    assert moments["iat"] == moments["nbf"] == pytest.approx(time.time(), abs=60)
    assert moments["exp"] == moments["iat"] + 604_800
    assert len(bytes.fromhex(claims.pop("jti"))) == 40
    assert claims == {
        "iss": settings.ISSUER,
        "aud": "frontend",
        "sub": json.dumps({"id_warehouse": assignment.warehouse_id}, separators=(",", ":")),
        "sid": str(Session.objects.get().pk),
        "act": str(assignment.user.uuid),
        "assignment": str(assignment.uuid),
        "warehouse": str(assignment.warehouse.uuid),
        "scopes": ["warehouse"],
    }


def test_the_published_keys_are_public_only(db: None) -> None:
    answer = Client().get("/.well-known/jwks.json")
    assert answer["Content-Type"] == "application/json"
    assert [set(key) for key in answer.json()["keys"]] == [{"kty", "use", "alg", "kid", "n", "e"}]


# --- Who gets none ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reason",
    [
        lambda row: row.deactivate(),
        lambda row: row.delete(),
        lambda row: Warehouse.objects.update(is_active=False),
        lambda row: User.objects.update(is_warehouse_user=False),
    ],
    ids=["nothing active", "nothing assigned", "warehouse inactive", "flag off"],
)
def test_without_an_active_assignment_there_is_no_token(
    as_pat: Api, assignment: Any, reason: Callable[[Any], Any], caplog: Any, nothing_changes: Callable[[], Any]
) -> None:
    reason(assignment)
    with nothing_changes(), caplog.at_level(logging.INFO, logger="security"):
        answer = as_pat.post("/warehouse-tokens")
    assert (answer.status_code, answer.reason_phrase, answer.json()) == (403, "Forbidden", OPERATION_FORBIDDEN)
    (line,) = security_lines(caplog)
    assert (line["event"], line["user_uuid"]) == ("Failed Login (Warehouse User)", str(assignment.user.uuid))


def test_a_back_office_user_gets_none(as_olive: Api, assignment: Any) -> None:
    assert as_olive.post("/warehouse-tokens").json() == OPERATION_FORBIDDEN


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (None, [{"message": "Unauthorized request.", "status": 401, "code": None}]),
        ("fake_token", [{"message": "Missing access token.", "status": 401, "code": "002"}]),
        ("Bearer nonsense", [{"message": "Invalid access token.", "status": 401, "code": "001"}]),
    ],
)
def test_a_caller_without_a_good_token_gets_the_plain_array(anonymous: Api, header: str | None, body: Any) -> None:
    answer = anonymous.post("/warehouse-tokens", **({"Authorization": header} if header else {}))
    assert (answer.status_code, answer.reason_phrase, answer.json()) == (401, "Unauthorized", body)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_warehouse_token_opens_no_route_of_a_person(issued: dict[str, Any], assignment: Any) -> None:
    bearer = Api(issued["accessToken"])
    assert refusal(bearer.get(ASSIGNMENTS)) == [FORBIDDEN]
    answer = bearer.post("/warehouse-tokens")
    assert (answer.status_code, answer.json()[0]["message"]) == (403, "Unauthorized request.")


def test_tokens_given_are_logged_with_the_person(
    as_pat: Api, assignment: WarehouseUserAssignment, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        answer = as_pat.post("/warehouse-tokens")
    (line,) = security_lines(caplog)
    assert (line["event"], line["tag"], line["user_uuid"]) == (
        "Successful Login (Warehouse User)",
        "warehouse_user_successful_login",
        str(assignment.user.uuid),
    )
    assert answer.json()[0]["accessToken"] not in caplog.text


# --- How long it holds ------------------------------------------------------------------------------------------
def test_a_token_holds_while_nothing_happens(issued: dict[str, Any], pat_river: WarehouseUserAssignment) -> None:
    pat_river.deactivate()
    assert holds(issued["accessToken"])


WITHDRAWALS: dict[str, Callable[[WarehouseUserAssignment], Any]] = {
    "assignment deactivated": lambda row: row.deactivate(),
    "assignment deleted": lambda row: row.delete(),
    "assignment deassigned": lambda row: WarehouseUserAssignment.objects.set_warehouses(
        row.user, add=[], remove=[row.warehouse]
    ),
    "another one activated": lambda row: WarehouseUserAssignment.objects.assign(
        user_uuid=str(row.user.uuid),
        warehouse_uuid=str(Warehouse.objects.create(name="Elsewhere").uuid),
        is_active=True,
    ),
    "warehouse inactive": lambda row: Warehouse.objects.update(is_active=False),
    "person blocked": lambda row: User.objects.update(status=User.Status.BLOCKED),
    "person deleted": lambda row: User.objects.update(status=User.Status.DELETED),
    "flag lost": lambda row: User.objects.update(is_warehouse_user=False),
    "session ended": lambda row: row.user.end_sessions("lost phone"),
    "session expired": lambda row: Session.objects.update(expires_at=timezone.now()),
}


@each("event", WITHDRAWALS.values(), ids=WITHDRAWALS.keys())
def test_a_withdrawn_token_is_refused_from_the_very_next_call(
    issued: dict[str, Any], assignment: WarehouseUserAssignment, event: Callable[[Any], Any]
) -> None:
    assert holds(issued["accessToken"])
    event(assignment)
    assert not holds(issued["accessToken"])
    answer = refresh(issued["refreshToken"])
    assert (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN)


def test_a_token_stays_withdrawn_after_the_person_comes_back(
    as_pat: Api, issued: dict[str, Any], assignment: WarehouseUserAssignment
) -> None:
    assignment.deactivate()
    assignment.activate()
    assert not holds(issued["accessToken"])
    assert refresh(issued["refreshToken"]).json() == BAD_REFRESH_TOKEN
    assert holds(as_pat.post("/warehouse-tokens").json()[0]["accessToken"])


def test_choosing_the_same_warehouse_again_withdraws_nothing(
    as_pat: Api, issued: dict[str, Any], assignment: WarehouseUserAssignment
) -> None:
    as_pat.patch(f"{ASSIGNMENTS}/{assignment.uuid}", {"isActive": True})
    assert holds(issued["accessToken"])


def test_other_peoples_tokens_are_not_touched(
    issued: dict[str, Any], sam: User, sam_north: WarehouseUserAssignment
) -> None:
    sam_north.activate()
    sams = Api(sign_in(sam.email)["access_token"]).post("/warehouse-tokens").json()[0]["accessToken"]
    sam.end_sessions("lost phone")
    assert (holds(issued["accessToken"]), holds(sams)) == (True, False)


def test_nothing_else_holds(as_pat: Api, issued: dict[str, Any]) -> None:
    claims = jwt.decode(issued["accessToken"], options={"verify_signature": False})
    expired = key_ring.encode(claims | {"exp": (timezone.now() - timedelta(minutes=1)).timestamp()})
    foreign = key_ring.encode(claims | {"sid": "00000000-0000-4000-8000-000000000000"})
    forged = issued["accessToken"][:-4] + "AAAA"
    for text in (as_pat.token, expired, foreign, forged, issued["refreshToken"], "", "x"):
        assert not holds(str(text))


def test_a_token_holds_only_for_the_warehouse_it_names(issued: dict[str, Any], river: Warehouse) -> None:
    """A token of the old warehouse is not valid for a row that was moved to another one by SQL."""
    WarehouseUserAssignment.objects.update(warehouse=river)
    assert not holds(issued["accessToken"])


# --- Refreshing it ----------------------------------------------------------------------------------------------
def test_a_warehouse_token_is_refreshed_at_the_token_endpoint(issued: dict[str, Any]) -> None:
    answer = refresh(issued["refreshToken"])
    assert answer.status_code == 200
    assert answer.json() == answer.json() | {"token_type": "Bearer", "expires_in": 604_800}
    assert holds(answer.json()["access_token"])
    again = refresh(issued["refreshToken"])
    assert again.json()["refresh_token"] == answer.json()["refresh_token"]


def test_a_warehouse_refresh_token_used_twice_withdraws_the_grant_only(as_pat: Api, issued: dict[str, Any]) -> None:
    second = refresh(issued["refreshToken"]).json()
    refresh(issued["refreshToken"])
    assert refresh(issued["refreshToken"]).json() == BAD_REFRESH_TOKEN
    assert not holds(second["access_token"])
    assert not WarehouseGrant.objects.exists()
    assert as_pat.get(ASSIGNMENTS).status_code == 200


def test_whether_a_token_holds_is_one_query(issued: dict[str, Any], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert holds(issued["accessToken"])


def test_refresh_tokens_of_warehouses_are_kept_as_digests_only(issued: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT assignments_warehousegrant::text FROM assignments_warehousegrant")
        stored = str(cursor.fetchall())
    assert issued["refreshToken"].split(".")[2] not in stored
