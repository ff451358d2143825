"""Every kind of question that must cost the same at five million assignments as at a hundred thousand."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.client import Request, ask
from tests.benchmarks.others import assign_page
from tests.benchmarks.sites import Site
from tests.benchmarks.works import LIST, WORKS, Callers, bearing, page

_FILTER = "filter[warehouse-user-assignments"
_SORTS = ("isActive", "createdAt", "updatedAt", "warehouse.name")
_ROWS = 20
#: As many people take turns here: so many pages are in the database's memory, and no more.
_PEOPLE = 16
_ASSIGNMENTS, _USERS = "/admin/assignments/warehouseuserassignment/", "/admin/users/user/"

Kinds = dict[str, list[Request]]


def kinds(site: Site, callers: Callers) -> Kinds:
    """By name, the requests that are sent in turn."""
    some = replace(callers, people=callers.people[:_PEOPLE])
    works = {f"{work.name} {work.title}": work.requests(some) for work in WORKS}
    return works | _filters(site, some) | _pages_of_lists(site, some) | _directory(some) | _back_office(some)


def _filters(site: Site, callers: Callers) -> Kinds:
    many = ",".join(place for person in callers.people for place in person.places)
    questions = {
        "filter uuid": [f"{_FILTER}.uuid]={person.places[0]}" for person in callers.people],
        f"filter uuid, {2 * len(callers.people)} of them": [f"{_FILTER}.uuid]={many}"],
        "filter userUuid": [f"{_FILTER}.userUuid]={person.uuid}" for person in callers.people],
        "filter warehouseUuid": [f"{_FILTER}.warehouseUuid]={person.warehouse}" for person in callers.people],
        "filter isActive=true": [f"{_FILTER}.isActive]=true"],
        "filter isActive=false": [f"{_FILTER}.isActive]=false"],
        "filter warehouseUuid and isActive": [
            f"{_FILTER}.warehouseUuid]={person.warehouse}&{_FILTER}.isActive]=true" for person in callers.people
        ],
        "include users and warehouses": ["include=users,warehouses"],
    }
    for sort in ("isActive", "-isActive", "-createdAt", "updatedAt", "warehouse.name"):
        questions[f"filter warehouseUuid, sort {sort}"] = [
            f"{_FILTER}.warehouseUuid]={person.warehouse}&sort={sort}" for person in callers.people
        ]
    return {name: [_listing(callers, text) for text in texts] for name, texts in questions.items()}


def _listing(callers: Callers, question: str, limit: int = _ROWS) -> Request:
    return bearing(callers.office, "GET", f"{LIST}?{question}&page[limit]={limit}".replace("?&", "?"))


def _pages_of_lists(site: Site, callers: Callers) -> Kinds:
    """First and last page by cursor, in each order."""
    found: Kinds = {"first page": [_listing(callers, "")], "last page": [_last_by_offset(site, callers)]}
    for name in _SORTS:
        for sort, other_way in ((name, f"-{name}"), (f"-{name}", name)):
            found[f"sort {sort}, first page"] = [_listing(callers, f"sort={sort}")]
            found[f"sort {sort}, last page"] = [_last(site, callers, sort, other_way)]
    return found


def _last_by_offset(site: Site, callers: Callers) -> Request:
    """The last page in the order of the table, whose cursor only a deep offset finds."""
    asked = partial(_asked, site, callers)
    total = asked("page[total]=true", 1)["meta"]["total"]
    after = _cursor(asked(f"page[offset]={total - _ROWS - 1}", 1)["links"]["next"])
    return _listing(callers, f"page[after]={after}")


def _last(site: Site, callers: Callers, sort: str, other_way: str) -> Request:
    """The last page of an order: the first of the opposite one tells which row stands before it."""
    asked = partial(_asked, site, callers)
    rows = asked(f"sort={other_way}", _ROWS + 1)["data"]
    pair = f"{_FILTER}.uuid]={rows[0]['id']},{rows[-1]['id']}"
    after = _cursor(asked(f"sort={sort}&{pair}", 1)["links"]["next"])
    return _listing(callers, f"sort={sort}&page[after]={after}")


def _asked(site: Site, callers: Callers, question: str, limit: int) -> Any:
    return json.loads(ask(site, _listing(callers, question, limit)).body)


def _cursor(link: str) -> str:
    return parse_qs(urlsplit(link).query)["page[after]"][0]


def _directory(callers: Callers) -> Kinds:
    def got(path: str) -> Request:
        return bearing(callers.office, "GET", path)

    people = callers.people
    return {
        "users, first page": [got(f"/users?page[limit]={_ROWS}")],
        "users, filter uuid": [got(f"/users?filter[users.uuid]={person.uuid}") for person in people],
        "users, filter username": [got(f"/users?filter[users.username]={person.email}") for person in people],
        "users, filter isWarehouseUser": [got(f"/users?filter[users.isWarehouseUser]=true&page[limit]={_ROWS}")],
        "warehouses, first page": [got(f"/warehouses?page[limit]={_ROWS}")],
        "warehouses, filter uuid": [got(f"/warehouses?filter[warehouses.uuid]={one.warehouse}") for one in people],
    }


def _back_office(callers: Callers) -> Kinds:
    people = callers.people
    paths = {
        "Back Office: landing page": ["/admin/"],
        "Back Office: assignments": [_ASSIGNMENTS],
        "Back Office: assignments, who stands": [f"{_ASSIGNMENTS}?is_active__exact=1"],
        "Back Office: assignments, search for a person": [f"{_ASSIGNMENTS}?q={one.email[:13]}" for one in people],
        "Back Office: assignments, search for a warehouse": [f"{_ASSIGNMENTS}?q=Warehouse+0001"],
        "Back Office: users": [_USERS],
        "Back Office: users, search": [f"{_USERS}?q={one.email[:13]}" for one in people],
        "Back Office: assign page of a person": [assign_page(one) for one in people],
        "Back Office: assign page of a warehouse": [f"{_ASSIGNMENTS}warehouse/{one.warehouse}/" for one in people],
        "Back Office: warehouses": ["/admin/warehouses/warehouse/"],
        "Back Office: sessions": ["/admin/users/session/"],
        "Back Office: history": ["/admin/history/"],
    }
    return {name: [page(callers, path) for path in each] for name, each in paths.items()}
