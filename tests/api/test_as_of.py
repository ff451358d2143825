"""`filter[warehouse-user-assignments.asOf]`: the list of assignments as they were at a moment (contract 0.5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assignments.models import WarehouseUserAssignment
from assignments.views import BEFORE_THE_HISTORY, IN_THE_FUTURE, NOT_WITH_AS_OF
from config.api.filters import NOT_A_MOMENT
from config.api.serializers import format_moment
from tests.support.api.client import ASSIGNMENTS, Api, error
from tests.support.clock import Clock
from users.models import User
from warehouses.models import Warehouse

PREFIX = "filter[warehouse-user-assignments."
AS_OF = f"{PREFIX}asOf]"


def at(moment: datetime, **filters: str) -> str:
    also = "".join(f"&{PREFIX}{name}]={value}" for name, value in filters.items())
    return f"{ASSIGNMENTS}?{AS_OF}={format_moment(moment)}{also}"


def documents(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def ids(answer: Any) -> list[str]:
    return [document["id"] for document in documents(answer)]


def without_link(document: dict[str, Any]) -> dict[str, Any]:
    """Without the link to the row, which repeats the query."""
    return {name: value for name, value in document.items() if name != "links"}


def refused(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json()["errors"]


@pytest.fixture
def told(
    clock: Clock, assign: Callable[..., WarehouseUserAssignment], pat: User, sam: User, north: Any, river: Any
) -> dict[str, Any]:
    """Pat was assigned to North Dock, worked there, was moved to River Annex, and lost North Dock; Sam came last."""
    moments, rows = {}, {}
    moments["start"] = clock.now
    rows["north"] = assign(pat, north)
    clock.move(timedelta(hours=1))
    rows["north"].activate()
    clock.move(timedelta(hours=1))
    moments["north"] = clock.now
    rows["river"] = assign(pat, river, is_active=True)
    rows["river"].set_period(ends_at=clock.now + timedelta(hours=2))
    clock.move(timedelta(hours=1))
    moments["river"] = clock.now
    clock.move(timedelta(hours=2))
    WarehouseUserAssignment.objects.get(pk=rows["north"].pk).deassign()
    rows["sam"] = assign(sam, river)
    clock.move(timedelta(hours=1))
    moments["end"] = clock.now
    return {"moments": moments, "rows": rows}


def test_documents_are_as_they_were(as_olive: Api, told: dict[str, Any]) -> None:
    moments, rows = told["moments"], {name: str(row.uuid) for name, row in told["rows"].items()}

    def state(moment: datetime) -> dict[str, Any]:
        return {
            one["id"]: (one["attributes"]["isActive"], "endsAt" in one["attributes"])
            for one in documents(as_olive.get(at(moment)))
        }

    assert state(moments["start"]) == {rows["north"]: (False, False)}
    assert state(moments["north"] - timedelta(microseconds=1)) == {rows["north"]: (True, False)}
    assert state(moments["north"]) == {rows["north"]: (False, False), rows["river"]: (True, True)}
    assert state(moments["end"]) == {rows["river"]: (False, True), rows["sam"]: (False, False)}


def test_a_document_has_the_form_of_the_list(as_olive: Api, told: dict[str, Any], pat: User, river: Any) -> None:
    (_, found) = documents(as_olive.get(at(told["moments"]["river"]) + "&include=users,warehouses"))
    row = told["rows"]["river"]
    ends_at = told["moments"]["north"] + timedelta(hours=2)
    assert without_link(found) == {
        "type": "warehouse-user-assignments",
        "id": str(row.uuid),
        "attributes": {
            "userUuid": str(pat.uuid),
            "isActive": True,
            "endsAt": format_moment(ends_at),
            "warehouse": {"name": "River Annex", "uuid": str(river.uuid), "isActive": True},
        },
        "relationships": {
            "users": {"data": [{"type": "users", "id": str(pat.uuid)}]},
            "warehouses": {"data": [{"type": "warehouses", "id": str(river.uuid)}]},
        },
    }


def test_now_is_the_list_of_now(as_olive: Api, told: dict[str, Any], clock: Clock) -> None:
    then, now = (documents(as_olive.get(url)) for url in (at(clock.now), ASSIGNMENTS))
    assert [*map(without_link, then)] == [*map(without_link, now)]


def test_other_filters_mean_what_was_then(as_olive: Api, told: dict[str, Any], pat: User, river: Any) -> None:
    moments, rows = told["moments"], {name: str(row.uuid) for name, row in told["rows"].items()}
    river_at, end = moments["river"], moments["end"]
    cases = {
        at(river_at, isActive="true"): [rows["river"]],
        at(river_at, isActive="false"): [rows["north"]],
        at(end, current="false"): [rows["river"]],
        at(end, current="true"): [rows["sam"]],
        at(end, userUuid=str(pat.uuid)): [rows["river"]],
        at(river_at, warehouseUuid=str(river.uuid)): [rows["river"]],
        at(river_at, uuid=rows["north"]): [rows["north"]],
        at(end, userUuid="nobody"): [],
    }
    assert {url: ids(as_olive.get(url)) for url in cases} == cases


def test_pages_have_the_cursors_of_the_list(as_olive: Api, told: dict[str, Any]) -> None:
    url = at(told["moments"]["river"]) + "&page[limit]=1&page[total]=true"
    first = as_olive.get(url)
    assert first.json()["meta"] == {"total": 2}
    second = as_olive.get(first.json()["links"]["next"].removeprefix("http://testserver"))
    rows = told["rows"]
    assert ids(first) + ids(second) == [str(rows["north"].uuid), str(rows["river"].uuid)]
    assert second.json()["links"].keys() == {"self", "first", "prev"}
    assert ids(as_olive.get(second.json()["links"]["prev"].removeprefix("http://testserver"))) == ids(first)


def test_who_and_what_was_deleted_for_good_is_shown_by_the_history(
    as_olive: Api, told: dict[str, Any], pat: User, river: Warehouse, clock: Clock
) -> None:
    moment = told["moments"]["river"]
    before = documents(as_olive.get(at(moment)))
    river.remove(with_assignments=True)
    User.objects.filter(pk=pat.pk).delete()
    assert documents(as_olive.get(at(moment))) == before


def test_moments_of_which_nothing_can_be_told_are_refused(
    as_olive: Api, told: dict[str, Any], clock: Clock, nothing_changes: Any
) -> None:
    start = told["moments"]["start"]
    no_moments = [
        *("soon", "", "2026-11-24T10:00:00", "2026-11-24", "2026-11-24T10:00:00+01:00", "2026-02-30T10:00:00Z"),
        *(quote("0001-01-01T00:00:00+01:00"), "2026-11-24T10:00:00Z%00"),
        f"{format_moment(start)},{format_moment(start)}",
    ]
    cases = dict.fromkeys(no_moments, NOT_A_MOMENT) | {
        format_moment(clock.now + timedelta(microseconds=1)): IN_THE_FUTURE,
        format_moment(start - timedelta(microseconds=1)): BEFORE_THE_HISTORY % format_moment(start),
        "0001-01-01T00:00:00Z": BEFORE_THE_HISTORY % format_moment(start),
    }
    with nothing_changes():
        told_back = {text: refused(as_olive.get(f"{ASSIGNMENTS}?{AS_OF}={text}")) for text in cases}
    assert told_back == {text: (400, [error(400, why, parameter=AS_OF)]) for text, why in cases.items()}


def test_it_does_not_combine_with_an_order(as_olive: Api, told: dict[str, Any]) -> None:
    answer = as_olive.get(at(told["moments"]["end"]) + "&sort=-startsAt")
    assert refused(answer) == (400, [error(400, NOT_WITH_AS_OF, parameter="sort")])


def test_a_warehouse_user_has_no_past(as_pat: Api, told: dict[str, Any], nothing_changes: Any) -> None:
    with nothing_changes():
        answer = as_pat.get(at(told["moments"]["end"]))
    assert refused(answer) == (403, [error(403, "Operation is forbidden.", code="5101")])


def test_only_the_list_has_it(as_olive: Api, told: dict[str, Any]) -> None:
    row = told["rows"]["sam"]
    answer = as_olive.get(f"{ASSIGNMENTS}/{row.uuid}?{AS_OF}=soon")
    assert answer.json()["data"]["id"] == str(row.uuid)


def test_without_a_history_nothing_was(as_olive: Api) -> None:
    assert ids(as_olive.get(at(datetime(2026, 1, 1, tzinfo=UTC)))) == []


def test_a_page_takes_three_queries(as_olive: Api, told: dict[str, Any]) -> None:
    """The session with its person and key, the span of the history, the rows."""
    url = at(told["moments"]["river"])
    as_olive.get(url)
    with CaptureQueriesContext(connection) as queries:
        as_olive.get(url)
    assert len(queries) == 3
