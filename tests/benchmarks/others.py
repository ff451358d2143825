"""What the other sites do not have: signing in, staying signed in, telling whether a token holds, and pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from tests.benchmarks import report
from tests.benchmarks.client import Answer, Load, Request, ask, load, send_for
from tests.benchmarks.folder import PASSWORD, Folder
from tests.benchmarks.report import figure, table
from tests.benchmarks.rounds import Figures, measured, medians
from tests.benchmarks.sites import PRODUCT, Site, running
from tests.benchmarks.works import LIST, Callers, Person, bearing, form, page, password_grant, sign_in, warehouse_tokens


def run(folder: Folder, *, rounds: int, seconds: float) -> None:
    folder.prepare()
    with running(folder, PRODUCT) as (site,):
        callers = sign_in(site)
        kinds = others(site, callers)
        for kind, requests in kinds.items():
            assert ask(site, requests[0]).status == 200, kind
        found: dict[str, list[Figures]] = {kind: [] for kind in kinds}
        for number in range(rounds):
            for kind, requests in kinds.items():
                if number == 0:
                    load(site, requests, 1, 1)
                found[kind].append(measured(site, partial(load, site, requests, seconds, 1)))
        refreshed = [measured(site, lambda: refresh(site, callers.people[0], seconds)) for _ in range(rounds)]
    rows = {**found, "`POST /token`, refresh": refreshed}
    columns = ("One connection", "requests/s", "p50 ms", "p99 ms", "app ms", "database ms")
    report.write(
        report.OTHERS,
        table(columns, [(kind, *map(figure, medians(figures))) for kind, figures in rows.items()]),
        f"The product alone, {folder.size}; medians of {rounds} rounds of {seconds:.0f} s.",
    )


def others(site: Site, callers: Callers) -> dict[str, list[Request]]:
    people = callers.people
    return {
        "`POST /token`, password (Argon2id)": [password_grant(person.email) for person in people],
        "`POST /introspect`, access token": [introspection(person.token) for person in people],
        "`POST /introspect`, warehouse token": [introspection(token) for token in _tokens(site, callers)],
        "one assignment": [bearing(person.token, "GET", f"{LIST}/{person.places[0]}") for person in people],
        "assignments in the Back Office": [page(callers, "/admin/assignments/warehouseuserassignment/")],
        "… search": [page(callers, "/admin/assignments/warehouseuserassignment/?q=picker.00001")],
        "users in the Back Office": [page(callers, "/admin/users/user/")],
        "assign page": [page(callers, assign_page(person)) for person in people],
    }


def assign_page(person: Person) -> str:
    return f"/admin/assignments/warehouseuserassignment/user/{person.uuid}/"


def introspection(token: str) -> Request:
    return form("/introspect", token=token, client_id="picking", client_secret=PASSWORD)


def _tokens(site: Site, callers: Callers) -> list[str]:
    """A warehouse token of each person."""
    return [json.loads(ask(site, request).body)[0]["accessToken"] for request in warehouse_tokens(callers)]


def refresh(site: Site, person: Person, seconds: float) -> Load:
    """A chain: each request needs the refresh token of the answer before."""
    chain = Chain(person)
    return send_for(site, chain, seconds, on_answer=chain.follow)


class Chain(Iterator[Request]):
    """Refreshes, one after the other. The person's chain goes on where it was left."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def __next__(self) -> Request:
        return form("/token", grant_type="refresh_token", refresh_token=self.person.refresh_token)

    def follow(self, answer: Answer) -> None:
        self.person.refresh_token = json.loads(answer.body)["refresh_token"]
