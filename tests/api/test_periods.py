"""Assignments with a beginning and an end over the API (contract 0.5, "Periods")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from assignments.models import WarehouseGrant, WarehouseUserAssignment
from config.database.periods import database_now
from tests.support.api.client import ASSIGNMENTS, Api, error, refusal
from tests.support.cases import each
from tests.support.clock import Clock
from tests.support.oauth.held_tokens import holds
from tests.support.oauth.refreshing import BAD_REFRESH_TOKEN, refresh
from users.models import User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)
ACTIVE, CURRENT = "filter[warehouse-user-assignments.isActive]", "filter[warehouse-user-assignments.current]"
NOT_CURRENT = error(
    400, "The period of this assignment has not begun or is over.", "5207", pointer="/data/attributes/isActive"
)
INVALID_PERIOD = error(
    400,
    "The period must end after it starts, and lie between the years 1900 and 9998.",
    "5208",
    pointer="/data/attributes/endsAt",
)
NOT_A_MOMENT = "Must be a moment with its offset, such as `2026-11-24T10:00:00Z`, or null."
FORBIDDEN = error(403, "Operation is forbidden.", "5101")


def path(row: Row) -> str:
    return f"{ASSIGNMENTS}/{row.uuid}"


def shown(answer: Any) -> dict[str, Any]:
    attributes = answer.json()["data"]["attributes"]
    return {name: attributes[name] for name in ("isActive", "startsAt", "endsAt") if name in attributes}


def listed(api: Api, **parameters: str) -> list[str]:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return [one["id"] for one in api.get(f"{ASSIGNMENTS}?{query}").json()["data"]]


def stored() -> list[Any]:
    return [*Row.objects.order_by("pk").values("pk", "starts_at", "ends_at", "is_active", "activation", "updated_at")]


# --- Writing ----------------------------------------------------------------------------------------------------
def test_an_assignment_is_made_changed_and_unbounded(as_olive: Api, pat: User, north: Warehouse) -> None:
    named = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    period = {"startsAt": "2026-11-24T11:00:00.25+01:00", "endsAt": "2999-12-31T23:59:59Z"}
    made = as_olive.post(ASSIGNMENTS, named | period | {"isActive": True})
    assert made.status_code == 201
    told = {"isActive": True, "startsAt": "2026-11-24T10:00:00.250000Z", "endsAt": "2999-12-31T23:59:59Z"}
    assert shown(made) == told
    row = Row.objects.get()
    assert shown(as_olive.get(path(row))) == told
    assert shown(as_olive.patch(path(row), {"startsAt": None})) == {"isActive": True, "endsAt": told["endsAt"]}
    assert shown(as_olive.patch(path(row), {"endsAt": None})) == {"isActive": True}
    assert shown(as_olive.patch(path(row), {"endsAt": "2026-11-25T00:00:00Z"}))["isActive"] is False
    assert shown(as_olive.patch(path(row), {"isActive": True, "endsAt": None})) == {"isActive": True}


@each(
    "text",
    [
        "2026-11-24",
        "2026-11-24T10:00:00",
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00Z",
        "2026-11-24T24:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-11-24T10:00:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "٢٠٢٦-11-24T10:00:00Z",
        "now",
        "",
        "infinity",
        0,
        1.5,
        True,
        [],
        {},
    ],
)
def test_what_is_no_moment_is_refused_for_each_bound(
    as_olive: Api, pat_north: Row, sam: User, river: Warehouse, text: Any
) -> None:
    before = stored()
    for name in ("startsAt", "endsAt"):
        expected = [error(400, NOT_A_MOMENT, pointer=f"/data/attributes/{name}")]
        named = {"userUuid": str(sam.uuid), "warehouse": {"uuid": str(river.uuid)}}
        assert refusal(as_olive.patch(path(pat_north), {name: text})) == expected
        assert refusal(as_olive.post(ASSIGNMENTS, named | {name: text})) == expected
    assert stored() == before


def test_a_period_that_ends_before_it_starts_or_is_not_now_is_refused(
    as_olive: Api, pat_north: Row, sam: User, river: Warehouse
) -> None:
    before = stored()
    named = {"userUuid": str(sam.uuid), "warehouse": {"uuid": str(river.uuid)}}
    reversed_ = {"startsAt": "2026-11-24T10:00:00Z", "endsAt": "2026-11-24T11:00:00+01:00"}
    later = {"startsAt": "2998-01-01T00:00:00Z"}
    for body, expected in (
        (reversed_, INVALID_PERIOD),
        (reversed_ | {"isActive": True}, INVALID_PERIOD),
        ({"startsAt": "1899-12-31T23:59:59Z"}, INVALID_PERIOD),
        (later | {"isActive": True}, NOT_CURRENT),
        ({"endsAt": "2026-11-24T10:00:00Z", "isActive": True}, NOT_CURRENT),
    ):
        assert refusal(as_olive.post(ASSIGNMENTS, named | body)) == [expected]
        assert refusal(as_olive.patch(path(pat_north), body)) == [expected]
        assert stored() == before


def test_all_faults_of_a_new_assignment_are_told_at_once(as_olive: Api, pat_north: Row) -> None:
    named = {"userUuid": str(pat_north.user.uuid), "warehouse": {"uuid": str(pat_north.warehouse.uuid)}}
    later = {"startsAt": "2998-01-01T00:00:00Z", "isActive": True}
    exists = error(400, "Warehouse user assignment already exists.", "5206", pointer="/data")
    assert refusal(as_olive.post(ASSIGNMENTS, named | later)) == [exists, NOT_CURRENT]


def test_what_has_ended_is_renewed_with_its_id(as_olive: Api, pat_north: Row) -> None:
    pat_north.set_period(ends_at=database_now() - DAY)
    named = {"userUuid": str(pat_north.user.uuid), "warehouse": {"uuid": str(pat_north.warehouse.uuid)}}
    again = as_olive.post(ASSIGNMENTS, named | {"isActive": True})
    assert (again.status_code, again.json()["data"]["id"]) == (201, str(pat_north.uuid))
    assert shown(again) == {"isActive": True}


def test_a_warehouse_user_may_repeat_the_period_but_not_change_it(as_pat: Api, pat_north: Row) -> None:
    end = database_now().replace(microsecond=0) + DAY
    pat_north.set_period(ends_at=end)
    assert shown(as_pat.patch(path(pat_north), {"isActive": True, "endsAt": end.isoformat()}))["isActive"] is True
    before = stored()
    for body in ({"endsAt": None}, {"startsAt": end.isoformat()}, {"isActive": False, "endsAt": None}):
        assert refusal(as_pat.patch(path(pat_north), body)) == [FORBIDDEN]
        assert stored() == before


# --- Reading ----------------------------------------------------------------------------------------------------
def test_a_picker_s_list_has_what_is_current_unless_asked(
    clock: Clock, as_pat: Api, as_olive: Api, pat_north: Row, pat_river: Row, mill: Warehouse
) -> None:
    pat_mill = Row.objects.assign(user_uuid=str(pat_north.user.uuid), warehouse_uuid=str(mill.uuid))
    pat_north.set_period(ends_at=clock.now)
    pat_river.set_period(starts_at=clock.now + MILLISECOND)
    north, river, old_mill = (str(row.uuid) for row in (pat_north, pat_river, pat_mill))
    assert listed(as_pat) == listed(as_pat, sort="createdAt") == [old_mill]
    assert listed(as_pat, **{CURRENT: "true"}) == [old_mill]
    assert listed(as_pat, **{CURRENT: "false"}) == [north, river]
    assert listed(as_pat, **{CURRENT: "true,false"}) == [north, river, old_mill]
    assert listed(as_olive) == [north, river, old_mill]
    assert listed(as_olive, **{CURRENT: "false"}) == [north, river]
    assert as_pat.get(path(pat_north)).status_code == 200
    clock.move(MILLISECOND)
    assert listed(as_pat) == [river, old_mill]
    assert {one["id"] for one in as_pat.get("/warehouses").json()["data"]} == {
        str(pat_river.warehouse.uuid),
        str(mill.uuid),
    }


def test_what_has_ended_is_not_active_in_documents_and_filters(
    clock: Clock, as_pat: Api, as_olive: Api, pat_north: Row, pat_river: Row
) -> None:
    pat_north.set_period(ends_at=clock.now + DAY)
    pat_north.activate()
    north, river = str(pat_north.uuid), str(pat_river.uuid)
    assert (listed(as_olive, **{ACTIVE: "true"}), listed(as_olive, **{ACTIVE: "false"})) == ([north], [river])
    clock.move(DAY)
    assert (listed(as_olive, **{ACTIVE: "true"}), listed(as_olive, **{ACTIVE: "false"})) == ([], [north, river])
    for api in (as_olive, as_pat):
        assert shown(api.get(path(pat_north)))["isActive"] is False
    assert refusal(as_pat.patch(path(pat_north), {"isActive": True})) == [NOT_CURRENT]
    assert shown(as_pat.patch(path(pat_river), {"isActive": True}))["isActive"] is True


def test_lists_are_sorted_by_both_bounds_on_every_page(
    as_olive: Api, pat_north: Row, pat_river: Row, sam_north: Row
) -> None:
    now = database_now()
    pat_north.set_period(starts_at=now - DAY, ends_at=now + DAY)
    pat_river.set_period(starts_at=now - 2 * DAY)
    north, river, sam = (str(row.uuid) for row in (pat_north, pat_river, sam_north))
    for term, expected in (
        ("startsAt", [sam, river, north]),
        ("-startsAt", [north, river, sam]),
        ("endsAt", [north, river, sam]),
        ("-endsAt", [sam, river, north]),
    ):
        assert listed(as_olive, sort=term) == expected
        found, url = [], f"{ASSIGNMENTS}?sort={term}&page[limit]=1"
        while url:
            page = as_olive.get(url).json()
            found += [one["id"] for one in page["data"]]
            url = page["links"].get("next", "").removeprefix("http://testserver")
        assert found == expected


# --- Warehouse tokens -------------------------------------------------------------------------------------------
@pytest.fixture
def until_tomorrow(clock: Clock, pat_north: Row) -> Row:
    """Pat works in North Dock until tomorrow at this time."""
    pat_north.set_period(ends_at=clock.now + DAY)
    pat_north.activate()
    return pat_north


def test_a_warehouse_token_expires_with_the_assignment(clock: Clock, as_pat: Api, until_tomorrow: Row) -> None:
    (answer,) = as_pat.call("POST", "/warehouse-tokens").json()
    claims = jwt.decode(answer["accessToken"], options={"verify_signature": False})
    assert claims["exp"] == int((clock.now + DAY).timestamp())
    assert answer["expiresIn"] == claims["exp"] - claims["iat"]
    again = refresh(answer["refreshToken"]).json()
    renewed = jwt.decode(again["access_token"], options={"verify_signature": False})
    assert renewed["exp"] == claims["exp"]
    assert again["expires_in"] == renewed["exp"] - renewed["iat"]


def test_a_warehouse_token_is_refused_from_the_end_of_the_assignment_on(
    clock: Clock, as_pat: Api, until_tomorrow: Row
) -> None:
    (answer,) = as_pat.call("POST", "/warehouse-tokens").json()
    clock.move(DAY - MILLISECOND)
    assert holds(answer["accessToken"])
    clock.move(MILLISECOND)
    assert not holds(answer["accessToken"])
    assert refresh(answer["refreshToken"]).json() == BAD_REFRESH_TOKEN
    refused = as_pat.call("POST", "/warehouse-tokens")
    assert (refused.status_code, refused.json()[0]["code"]) == (403, "5101")


def test_an_end_that_is_moved_nearer_counts_for_tokens_that_are_out(
    clock: Clock, as_pat: Api, until_tomorrow: Row
) -> None:
    (answer,) = as_pat.call("POST", "/warehouse-tokens").json()
    until_tomorrow.set_period(ends_at=clock.now + MILLISECOND)
    assert holds(answer["accessToken"])
    clock.move(MILLISECOND)
    assert not holds(answer["accessToken"])
    until_tomorrow.set_period(ends_at=clock.now + DAY)
    assert not holds(answer["accessToken"])
    assert WarehouseGrant.objects.valid().count() == 0
