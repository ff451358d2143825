"""Lists: filters, order, pages, sparse fieldsets, includes, links (contract 0.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api, error, refusal
from tests.support.cases import each
from users.models import User
from warehouses.models import Warehouse

HOST = "http://testserver"
PREFIX = "filter[warehouse-user-assignments."


@pytest.fixture
def rows(
    pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment, sam_north: WarehouseUserAssignment
) -> list[WarehouseUserAssignment]:
    """Three rows, oldest first; Pat works in River Annex now."""
    pat_river.activate()
    return [pat_north, pat_river, sam_north]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [resource["id"] for resource in answer.json()["data"]]


def uuids(*rows: WarehouseUserAssignment) -> list[str]:
    return [str(row.uuid) for row in rows]


def follow(api: Api, answer: Any, name: str) -> Any:
    """The page behind a link, called as it stands in the document."""
    link = answer.json()["links"][name]
    assert link.startswith(HOST)
    return api.get(link.removeprefix(HOST))


# --- What is listed ---------------------------------------------------------------------------------------------
def test_the_back_office_lists_all_rows_oldest_first(as_olive: Api, rows: list[Any]) -> None:
    assert ids(as_olive.get(ASSIGNMENTS)) == uuids(*rows)


def test_a_warehouse_user_lists_own_rows_only(as_pat: Api, rows: list[Any]) -> None:
    assert ids(as_pat.get(ASSIGNMENTS)) == uuids(*rows[:2])


def test_an_empty_list_is_an_empty_list(as_olive: Api) -> None:
    assert as_olive.get(ASSIGNMENTS).json() == {"data": [], "links": {"self": f"{HOST}{ASSIGNMENTS}"}}


def test_the_rows_of_a_deleted_person_stay_listed(as_olive: Api, pat: User, rows: list[Any]) -> None:
    User.objects.filter(pk=pat.pk).update(status=User.Status.DELETED)
    assert ids(as_olive.get(ASSIGNMENTS)) == uuids(*rows)


# --- Filters ----------------------------------------------------------------------------------------------------
def test_each_filter_narrows(as_olive: Api, pat: User, north: Warehouse, rows: list[Any]) -> None:
    pat_north, pat_river, sam_north = rows
    expected = {
        f"uuid]={pat_river.uuid}": [pat_river],
        f"uuid]={pat_river.uuid},{sam_north.uuid}": [pat_river, sam_north],
        f"userUuid]={pat.uuid}": [pat_north, pat_river],
        f"warehouseUuid]={north.uuid}": [pat_north, sam_north],
        "isActive]=true": [pat_river],
        "isActive]=false": [pat_north, sam_north],
        "isActive]=true,false": rows,
        f"uuid]={pat_river.uuid}&{PREFIX}uuid]={sam_north.uuid}": [pat_river, sam_north],
        f"userUuid]={pat.uuid}&{PREFIX}warehouseUuid]={north.uuid}": [pat_north],
        f"userUuid]={pat.uuid}&{PREFIX}isActive]=true": [pat_river],
        "uuid]=": [],
        "uuid]=no-uuid": [],
        "uuid]=1": [],
    }
    for query, found in expected.items():
        assert ids(as_olive.get(f"{ASSIGNMENTS}?{PREFIX}{query}")) == uuids(*found), query


def test_a_list_is_given_with_commas_or_by_repeating_its_parameter(as_olive: Api, rows: list[Any]) -> None:
    """Generated clients repeat it."""
    commas = "include=users,warehouses&sort=-isActive,warehouse.name&fields[users]=username,firstName"
    repeated = (
        "include=users&include=warehouses&sort=-isActive&sort=warehouse.name"
        "&fields[users]=username&fields[users]=firstName"
    )
    one, other = (as_olive.get(f"{ASSIGNMENTS}?{query}").content.decode() for query in (commas, repeated))
    assert '"included":[{' in one
    assert (repeated in other, other.replace(repeated, commas)) == (True, one)


@pytest.mark.parametrize(("word", "active"), [("TRUE", 1), ("1", 1), ("On", 1), ("yes", 1), ("0", 2), ("OFF", 2)])
def test_is_active_has_many_spellings(as_olive: Api, rows: list[Any], word: str, active: int) -> None:
    assert len(ids(as_olive.get(f"{ASSIGNMENTS}?{PREFIX}isActive]={word}"))) == active


def test_a_filter_never_widens_what_the_caller_may_see(as_pat: Api, sam: User, rows: list[Any]) -> None:
    assert ids(as_pat.get(f"{ASSIGNMENTS}?{PREFIX}userUuid]={sam.uuid}")) == []
    assert ids(as_pat.get(f"{ASSIGNMENTS}?{PREFIX}uuid]={rows[2].uuid}")) == []


@pytest.mark.parametrize("field", ["isActive", "warehouse-user-assignments.shoeSize", "users.uuid"])
def test_a_filter_that_is_not_understood_is_refused(as_olive: Api, rows: list[Any], field: str) -> None:
    answer = as_olive.get(f"{ASSIGNMENTS}?filter[{field}]=true")
    words = "Unsupported `Filter` format is used. Please use `filter[resource.property]`"
    assert refusal(answer) == [error(400, words, "011", parameter=f"filter[{field}]")]


def test_a_path_with_an_id_ignores_filters_order_and_pages(as_olive: Api, rows: list[Any]) -> None:
    query = f"?{PREFIX}isActive]=true&page[limit]=0&sort=x"
    answer = as_olive.get(f"{ASSIGNMENTS}/{rows[0].uuid}{query}")
    assert answer.json()["data"]["id"] == str(rows[0].uuid)
    assert answer.json()["data"]["links"]["self"] == f"{HOST}{ASSIGNMENTS}/{rows[0].uuid}{query}"


# --- Order ------------------------------------------------------------------------------------------------------
def test_each_sort_field_works_with_and_without_its_prefix(as_olive: Api, rows: list[Any]) -> None:
    pat_north, pat_river, sam_north = rows
    expected = {
        "isActive": [pat_north, sam_north, pat_river],
        "-isActive": [pat_river, sam_north, pat_north],
        "createdAt": [pat_north, pat_river, sam_north],
        "-createdAt": [sam_north, pat_river, pat_north],
        "-updatedAt": [pat_river, sam_north, pat_north],
        "warehouse.name": [pat_north, sam_north, pat_river],
        "-warehouse.name,-createdAt": [pat_river, sam_north, pat_north],
    }
    for created, row in enumerate(rows):
        WarehouseUserAssignment.objects.filter(pk=row.pk).update(created_at=f"2026-01-0{created + 1}T00:00Z")
    WarehouseUserAssignment.objects.filter(pk=sam_north.pk).update(updated_at="2026-01-02T00:00Z")
    WarehouseUserAssignment.objects.filter(pk=pat_north.pk).update(updated_at="2026-01-01T00:00Z")
    for sort, found in expected.items():
        assert ids(as_olive.get(f"{ASSIGNMENTS}?sort={sort}")) == uuids(*found), sort
        prefixed = ",".join(
            f"{'-' * term.startswith('-')}warehouse-user-assignments.{term.removeprefix('-')}"
            for term in sort.split(",")
        )
        assert ids(as_olive.get(f"{ASSIGNMENTS}?sort={prefixed}")) == uuids(*found), prefixed


@pytest.mark.parametrize("sort", ["password", "user.password", "-", "isActive,nope", "id"])
def test_other_sort_fields_are_refused(as_olive: Api, sort: str) -> None:
    culprit = sort.split(",")[-1]
    words = f"Cannot sort by `{culprit}`. Use: isActive, createdAt, updatedAt, startsAt, endsAt, warehouse.name."
    assert refusal(as_olive.get(f"{ASSIGNMENTS}?sort={sort}")) == [error(400, words, parameter="sort")]


# --- Pages ------------------------------------------------------------------------------------------------------
@pytest.fixture
def many(pat: User, sam: User) -> list[str]:
    """Twenty-five rows of two people, with many equal sort values; their ids, oldest first."""
    places = [Warehouse.objects.create(name=f"Hall {n:02}") for n in range(13)]
    objects = WarehouseUserAssignment.objects
    objects.set_warehouses(pat, add=places, remove=[])
    objects.set_warehouses(sam, add=places[:12], remove=[])
    objects.get(user=pat, warehouse=places[5]).activate()
    objects.get(user=sam, warehouse=places[2]).activate()
    return uuids(*objects.order_by("id"))


@pytest.mark.parametrize("sort", ["", "-isActive", "warehouse.name", "-warehouse.name,isActive", "-updatedAt"])
def test_links_lead_through_every_row_once_forth_and_back(as_olive: Api, many: list[str], sort: str) -> None:
    whole = ids(as_olive.get(f"{ASSIGNMENTS}?sort={sort}"))
    assert sorted(whole) == sorted(many)
    page = as_olive.get(f"{ASSIGNMENTS}?sort={sort}&page[limit]=4")
    assert set(page.json()["links"]) == {"self", "next"}
    pages = [ids(page)]
    while "next" in page.json()["links"]:
        page = follow(as_olive, page, "next")
        pages.append(ids(page))
    assert [row for found in pages for row in found] == whole
    assert [len(found) for found in pages] == [4, 4, 4, 4, 4, 4, 1]
    assert set(page.json()["links"]) == {"self", "first", "prev"}
    assert ids(follow(as_olive, page, "first")) == pages[0]
    back = [ids(page)]
    while "prev" in page.json()["links"]:
        page = follow(as_olive, page, "prev")
        back.insert(0, ids(page))
    assert back == pages


def test_rows_added_or_removed_between_pages_shift_no_page(as_olive: Api, many: list[str], sam: User) -> None:
    first = as_olive.get(f"{ASSIGNMENTS}?page[limit]=10")
    WarehouseUserAssignment.objects.filter(uuid__in=many[:5]).delete()
    assert ids(follow(as_olive, first, "next")) == many[10:20]


def test_offset_and_limit_work_alone(as_olive: Api, many: list[str]) -> None:
    assert ids(as_olive.get(f"{ASSIGNMENTS}?page[limit]=3")) == many[:3]
    assert ids(as_olive.get(f"{ASSIGNMENTS}?page[offset]=20")) == many[20:]
    assert ids(as_olive.get(f"{ASSIGNMENTS}?page[offset]=7&page[limit]=3")) == many[7:10]
    assert ids(as_olive.get(f"{ASSIGNMENTS}?page[offset]=99")) == []


def test_links_after_an_offset_go_on_by_cursor(as_olive: Api, many: list[str]) -> None:
    page = as_olive.get(f"{ASSIGNMENTS}?page[offset]=7&page[limit]=3")
    assert "page[offset]" not in page.json()["links"]["next"]
    assert ids(follow(as_olive, page, "next")) == many[10:13]
    assert ids(follow(as_olive, page, "prev")) == many[4:7]


def test_the_total_is_counted_on_request_only(as_pat: Api, many: list[str]) -> None:
    assert "meta" not in as_pat.get(f"{ASSIGNMENTS}?page[limit]=2").json()
    assert "meta" not in as_pat.get(f"{ASSIGNMENTS}?page[total]=false").json()
    asked = as_pat.get(f"{ASSIGNMENTS}?page[limit]=2&page[total]=true&{PREFIX}isActive]=false")
    assert asked.json()["meta"] == {"total": 12}


def test_the_default_and_greatest_page_is_a_thousand_rows(
    as_olive: Api, pat: User, settings: Any, many: list[str]
) -> None:
    settings.PAGE_LIMIT = 20
    page = as_olive.get(ASSIGNMENTS)
    assert (ids(page), ids(follow(as_olive, page, "next"))) == (many[:20], many[20:])
    words = "`page[limit]` must be a whole number from 1 to 20."
    assert refusal(as_olive.get(f"{ASSIGNMENTS}?page[limit]=21")) == [error(400, words, parameter="page[limit]")]


def test_a_cursor_belongs_to_its_order(as_olive: Api, many: list[str]) -> None:
    link = as_olive.get(f"{ASSIGNMENTS}?page[limit]=2").json()["links"]["next"]
    cursor = link.partition("page[after]=")[2]
    words = "This cursor does not belong to this list and its order."
    for member in ("after", "before"):
        answer = as_olive.get(f"{ASSIGNMENTS}?sort=isActive&page[{member}]={cursor}")
        assert refusal(answer) == [error(400, words, parameter=f"page[{member}]")]


# --- Sparse fieldsets -------------------------------------------------------------------------------------------
def test_only_the_fields_asked_for_are_shown(as_olive: Api, rows: list[Any]) -> None:
    fields = "fields[warehouse-user-assignments]=isActive&fields[users]=lastName"
    answer = as_olive.get(f"{ASSIGNMENTS}?include=users&{fields}").json()
    assert [resource["attributes"] for resource in answer["data"]] == [
        {"isActive": False},
        {"isActive": True},
        {"isActive": False},
    ]
    assert [person["attributes"] for person in answer["included"]] == [{"lastName": "Picker"}, {"lastName": "Stacker"}]


def test_no_fields_asked_for_is_an_empty_object(as_olive: Api, rows: list[Any]) -> None:
    for path in (ASSIGNMENTS, f"{ASSIGNMENTS}/{rows[0].uuid}"):
        data = as_olive.get(f"{path}?fields[warehouse-user-assignments]=").json()["data"]
        assert (data[0] if isinstance(data, list) else data)["attributes"] == {}


def test_sparse_fieldsets_work_on_every_method(as_olive: Api, pat: User, north: Warehouse) -> None:
    query = "?fields[warehouse-user-assignments]=isActive"
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    created = as_olive.post(ASSIGNMENTS + query, wanted)
    at = f"{ASSIGNMENTS}/{created.json()['data']['id']}{query}"
    assert created.json()["data"]["attributes"] == {"isActive": False}
    assert as_olive.patch(at, {"isActive": True}).json()["data"]["attributes"] == {"isActive": True}


@pytest.mark.parametrize(
    ("query", "words", "parameter"),
    [
        (
            "fields[warehouse-user-assignments]=password",
            "`warehouse-user-assignments` have no field `password`.",
            "fields[warehouse-user-assignments]",
        ),
        ("fields[users]=password", "`users` have no field `password`.", "fields[users]"),
        ("fields[shoes]=size", "There are no `shoes` here. Use `fields[type]=name,name`.", "fields[shoes]"),
        ("fields=isActive", "Use `fields[type]=name,name`.", "fields"),
        ("include=shoes", "`shoes` cannot be included here.", "include"),
        ("include=users,users.password", "`users.password` cannot be included here.", "include"),
    ],
)
def test_unknown_fields_and_includes_are_refused_before_anything_is_written(
    as_olive: Api,
    pat: User,
    river: Warehouse,
    rows: list[Any],
    nothing_changes: Callable[[], Any],
    query: str,
    words: str,
    parameter: str,
) -> None:
    row = f"{ASSIGNMENTS}/{rows[0].uuid}"
    with nothing_changes():
        for answer in (
            as_olive.get(f"{ASSIGNMENTS}?{query}"),
            as_olive.get(f"{row}?{query}"),
            as_olive.patch(f"{row}?{query}", {"isActive": True}),
            as_olive.delete(f"{row}?{query}"),
            as_olive.post(f"{ASSIGNMENTS}?{query}", {"userUuid": "x"}),
        ):
            assert refusal(answer) == [error(400, words, parameter=parameter)]


# --- Links ------------------------------------------------------------------------------------------------------
@each(
    ("sent", "echoed"),
    [
        ("?filter[warehouse-user-assignments.isActive]=false", None),
        (
            "?filter%5Bwarehouse-user-assignments.isActive%5D=false",
            "?filter[warehouse-user-assignments.isActive]=false",
        ),
        ("?include=users&sort=-isActive", None),
        ("?x", "?x="),
        ("?note=%22%3Cb%3E%26%23%27", "?note=%22%3Cb%3E%26%23%27"),
        ("?b=2&a=1&b=3", None),
        ("?", ""),
    ],
)
def test_the_query_is_echoed_in_every_link(as_olive: Api, rows: list[Any], sent: str, echoed: str | None) -> None:
    answer = as_olive.get(ASSIGNMENTS + sent).json()
    query = sent if echoed is None else echoed
    assert answer["links"]["self"] == f"{HOST}{ASSIGNMENTS}{query}"
    for resource in answer["data"]:
        assert resource["links"]["self"] == f"{HOST}{ASSIGNMENTS}/{resource['id']}{query}"


def test_links_begin_with_the_host_that_was_called(as_olive: Api, rows: list[Any]) -> None:
    answer = as_olive.get(ASSIGNMENTS, Host="localhost:8123").json()
    assert answer["links"]["self"] == f"http://localhost:8123{ASSIGNMENTS}"


def test_forwarded_headers_are_believed_from_nobody_by_default(as_olive: Api, rows: list[Any]) -> None:
    answer = as_olive.get(ASSIGNMENTS, **{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}).json()
    assert answer["links"]["self"] == f"{HOST}{ASSIGNMENTS}"


def test_a_giant_query_is_repeated_once_and_not_in_every_row(as_olive: Api, rows: list[Any]) -> None:
    query = f"?x={'a' * 5_000}"
    answer = as_olive.get(ASSIGNMENTS + query).json()
    assert answer["links"]["self"] == f"{HOST}{ASSIGNMENTS}{query}"
    assert [row["links"]["self"] for row in answer["data"]] == [f"{HOST}{ASSIGNMENTS}/{row.uuid}" for row in rows]
