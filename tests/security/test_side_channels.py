"""What a warehouse user asks tells them nothing of others: every answer is the same whether there are any or not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.answers import Told, told
from tests.support.api.client import ASSIGNMENTS, Api
from users.models import Session, User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
SORTS = ("isActive", "createdAt", "updatedAt", "warehouse.name")
TYPE = "warehouse-user-assignments"


@pytest.fixture
def others(
    pat_north: Row, pat_river: Row, assign: Callable[..., Row], make_user: Callable[..., User]
) -> dict[str, list[Any]]:
    """Ten people in ten warehouses, two of which are Pat's, named so that they stand on either side of them."""
    places = [Warehouse.objects.create(name=f"{letter} hall", is_active=letter < "T") for letter in "ABCDSTUZ"]
    people = [make_user(f"{letter}.other@example.test", is_warehouse_user=letter < "k") for letter in "abcdefghij"]
    rows = [assign(person, place) for person in people for place in (*places[:3], pat_north.warehouse)]
    for row in rows[::4]:
        row.activate()
    return {"people": people, "places": places, "rows": rows}


def remove(others: dict[str, list[Any]]) -> None:
    """As if they had never been."""
    Row.objects.filter(pk__in=[row.pk for row in others["rows"]]).delete()
    Session.objects.filter(user__in=others["people"]).delete()
    User.objects.filter(pk__in=[person.pk for person in others["people"]])._raw_delete("default")
    Warehouse.objects.filter(pk__in=[place.pk for place in others["places"]]).delete()


def cursors(api: Api) -> list[tuple[str, str]]:
    """Of every order, as the Back Office gets them: between other people's rows. With the sort that each belongs to."""
    found = []
    for sort in ("", *SORTS, *(f"-{name}" for name in SORTS), "isActive,-createdAt"):
        page = api.get(f"{ASSIGNMENTS}?sort={sort}&page[limit]=7").json()
        cursor = page["links"]["next"].partition("page[after]=")[2]
        found.append((sort, cursor))
    return found


def questions(others: dict[str, list[Any]], known: list[tuple[str, str]]) -> list[str]:
    """Whatever might tell: filters for what is somebody else's, includes, orders, fields, pages, totals."""
    person, place, row = (str(others[kind][0].uuid) for kind in ("people", "places", "rows"))
    of_people = [f"filter[users.{name}]={value}" for name, value in _about_people(others, person)]
    of_places = [f"filter[warehouses.uuid]={place}", f"filter[warehouses.name]={quote('A hall')}"]
    of_rows = [
        f"filter[{TYPE}.{name}]={value}"
        for name, value in (("uuid", row), ("userUuid", person), ("warehouseUuid", place), ("isActive", "true"))
    ]
    pages = ["", "page[limit]=1", "page[total]=true", "page[limit]=1&page[offset]=1&page[total]=true"]
    pages += ["include=users,warehouses", "fields[users]=username", "include=users&fields[users]=username"]
    asked = [f"{ASSIGNMENTS}?{'&'.join(pair)}" for pair in product(["", *of_rows, of_rows[1] + f",{uuid4()}"], pages)]
    asked += [f"/users?{'&'.join(pair)}" for pair in product(["", *of_people], pages[:4])]
    asked += [f"/warehouses?{'&'.join(pair)}" for pair in product(["", *of_places], pages[:4])]
    for sort, cursor in known:
        for way in ("after", "before"):
            asked.append(f"{ASSIGNMENTS}?sort={sort}&page[{way}]={cursor}&page[total]=true&page[limit]=1")
    return [*asked, *(f"{ASSIGNMENTS}?sort={sort}&page[limit]=1" for sort in SORTS)]


def _about_people(others: dict[str, list[Any]], person: str) -> list[tuple[str, str]]:
    return [("uuid", person), ("username", others["people"][0].email), ("isWarehouseUser", "true")]


def test_no_answer_depends_on_other_peoples_rows(as_olive: Api, as_pat: Api, others: dict[str, list[Any]]) -> None:
    """Whole answers, headers, totals, links, and how many statements they cost."""
    asked = questions(others, cursors(as_olive))
    assert len(asked) > 80
    with_others = _all_told(as_pat, asked)
    remove(others)
    assert Row.objects.count() == 2
    without = _all_told(as_pat, asked)
    assert [path for path in asked if with_others[path] != without[path]] == []


def _all_told(api: Api, paths: list[str]) -> dict[str, Told]:
    return {path: told(api, "GET", path) for path in paths}


def test_no_answer_names_anybody_elses_row(as_olive: Api, as_pat: Api, others: dict[str, list[Any]]) -> None:
    asked = questions(others, cursors(as_olive))
    names = [row.uuid for kind in others.values() for row in kind]
    names += [person.email for person in others["people"]] + [place.name for place in others["places"]]
    for path in asked:
        answer = told(as_pat, "GET", path)
        assert answer.status == 200, path
        text = answer.body.decode().partition('"links"')[0] if "filter" in path else answer.body.decode()
        assert [name for name in map(str, names) if name in text] == [], path


def test_the_same_requests_show_them_to_the_back_office(as_olive: Api, others: dict[str, list[Any]]) -> None:
    """So that there is something to be hidden: most of these answers do change for who sees all."""
    asked = questions(others, cursors(as_olive))
    with_others = _all_told(as_olive, asked)
    remove(others)
    changed = [path for path in asked if _all_told(as_olive, [path])[path].body != with_others[path].body]
    assert len(changed) > len(asked) * 0.8


@pytest.mark.parametrize(
    "query",
    [
        "filter[{type}.user.email]=x",
        "filter[{type}.warehouse.note]=x",
        "filter[users.password]=argon2",
        "filter[users.email__startswith]=a",
        "sort=user.email",
        "sort=warehouse.note",
        "sort=warehouse__note",
        "fields[{type}]=password",
        "fields[users]=password",
        "fields[users]=isSuperuser",
        "fields[warehouses]=note",
        "include=sessions",
        "include=users.assignments",
    ],
)
def test_no_field_but_the_documented_ones_can_be_asked_about(
    as_olive: Api, as_pat: Api, pat_north: Row, query: str
) -> None:
    for api in (as_olive, as_pat):
        for path in (ASSIGNMENTS, "/users", "/warehouses"):
            assert api.get(f"{path}?{query.format(type=TYPE)}").status_code == 400


def test_an_includes_person_and_place_are_shown_as_everywhere(as_pat: Api, pat: User, pat_north: Row) -> None:
    """Nothing more of them than their own routes show, in whatever company."""
    Warehouse.objects.filter(pk=pat_north.warehouse.pk).update(note="The alarm code is 4711")
    answer = as_pat.get(f"{ASSIGNMENTS}?include=users,warehouses").json()
    person, place = answer["included"]
    assert set(person["attributes"]) == {"username", "firstName", "lastName"}
    assert set(place["attributes"]) == {"name", "uuid", "isActive"}
    assert "alarm code" not in str(answer)
    assert UUID(person["id"]) == pat.uuid
