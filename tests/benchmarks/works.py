"""What is measured: the four works that all sites do, and who does them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.client import JSON_API, Request, ask
from tests.benchmarks.folder import PASSWORD
from tests.benchmarks.sites import Site

#: How many warehouse users take turns.
PEOPLE = 64
LIST = "/warehouse-user-assignments"


@dataclass
class Person:
    """A warehouse user with five assignments, who works in one of them now."""

    email: str
    uuid: str
    token: str
    refresh_token: str
    #: Two assignments to switch between.
    places: tuple[str, str]
    warehouse: str


@dataclass(frozen=True)
class Callers:
    """Signed-in people: one of the Back Office, with a token and with a cookie for its pages, and warehouse users."""

    office: str
    cookies: str
    people: list[Person]


def sign_in(site: Site) -> Callers:
    """By the public routes."""
    emails = site.folder.ask(_STANDING, site.folder.size.users // PEOPLE, PEOPLE)
    office = token_of(site, _OFFICE)["access_token"]
    return Callers(office, _cookies(site), [_person(site, email) for (email,) in emails])


_OFFICE = "olive.office@example.test"


#: Warehouse users who stand somewhere, spread over the table: four in five do, by their number.
_STANDING = r"""
    SELECT 'picker.' || lpad((n * %s / 5 * 5 + 1)::text, 7, '0') || '@example.test' FROM generate_series(0, %s - 1) n
"""


def token_of(site: Site, email: str) -> dict[str, Any]:
    """The answer of `POST /token` to this person's password."""
    return json.loads(ask(site, password_grant(email)).body)


def password_grant(email: str) -> Request:
    return form("/token", grant_type="password", username=email, password=PASSWORD)


def form(path: str, **fields: str) -> Request:
    return Request("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields))


def _person(site: Site, email: str) -> Person:
    signed_in = token_of(site, email)
    token = signed_in["access_token"]
    rows = json.loads(ask(site, bearing(token, "GET", LIST)).body)["data"]
    assert len(rows) == 5, f"{email} has {len(rows)} assignments"
    attributes = rows[0]["attributes"]
    places = (rows[0]["id"], rows[1]["id"])
    uuid, warehouse = attributes["userUuid"], attributes["warehouse"]["uuid"]
    return Person(email, uuid, token, signed_in["refresh_token"], places, warehouse)


def _cookies(site: Site) -> str:
    """Of the Back Office, for the `Cookie` header."""
    key = ask(site, Request("GET", "/admin/login/")).cookies["csrftoken"]
    filled = form("/admin/login/", username=_OFFICE, password=PASSWORD, csrfmiddlewaretoken=key)
    cookies = ask(
        site, Request("POST", filled.path, filled.headers | {"Cookie": f"csrftoken={key}"}, filled.body)
    ).cookies
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def page(callers: Callers, path: str) -> Request:
    """A page of the Back Office."""
    return Request("GET", path, {"Cookie": callers.cookies})


def bearing(token: str, method: str, path: str, body: str = "") -> Request:
    """A request of the API with this access token."""
    return Request(method, path, {"Authorization": f"Bearer {token}", "Content-Type": JSON_API}, body)


# --- The four ---------------------------------------------------------------------------------------------------
def own_assignments(callers: Callers) -> list[Request]:
    return [bearing(person.token, "GET", LIST) for person in callers.people]


def office_list(callers: Callers) -> list[Request]:
    return [bearing(callers.office, "GET", f"{LIST}?include=users&page[limit]=20")]


def switches(callers: Callers) -> list[Request]:
    """Everybody goes to their second place, then everybody back: each request changes something."""
    return [switch(person, turn) for turn in (1, 0) for person in callers.people]


def switch(person: Person, turn: int) -> Request:
    """Activates one of the two assignments of the person."""
    place = person.places[turn]
    data = {"type": "warehouse-user-assignments", "id": place, "attributes": {"isActive": True}}
    return bearing(person.token, "PATCH", f"{LIST}/{place}", json.dumps({"data": data}))


def warehouse_tokens(callers: Callers) -> list[Request]:
    return [bearing(person.token, "POST", "/warehouse-tokens") for person in callers.people]


@dataclass(frozen=True)
class Work:
    """A kind of request, how much of the floor's and of the stock site's processor time it may take, and how often
    it is asked for. `requests` are sent one after the other, again and again."""

    name: str
    title: str
    requests: Callable[[Callers], list[Request]]
    most_of_floor: float
    most_of_stock: float
    changes: bool = False


WORKS = [
    Work("w1", "own assignments (5 rows)", own_assignments, 3.5, 0.20),
    Work("w2", "Back Office list, 20 rows, `include=users`", office_list, 3.0, 0.10),
    Work("w3", "switch the active one", switches, 3.5, 0.30, changes=True),
    Work("w4", "warehouse token", warehouse_tokens, 2.0, 0.45),
]


def stand_in_first(site: Site, callers: Callers) -> None:
    """Activates the first assignment of everybody, before the switches begin."""
    for person in callers.people:
        ask(site, switch(person, 0))
