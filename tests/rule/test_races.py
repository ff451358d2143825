"""The rule under fire: many clients at once, over real HTTP, against the real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread, Timer
from typing import Any, NamedTuple

import httpx
import pytest
from django.db import connection

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, JSON_API, PASSWORD, Api, error, refusal, sign_in
from tests.support.oauth.held_tokens import holds
from tests.support.waiting import MOST_SECONDS
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

CLIENTS = 64
rows = WarehouseUserAssignment.objects


class Request(NamedTuple):
    """One request; Olive's, unless it brings a token of its own."""

    method: str
    path: str
    body: Any = None
    token: str | None = None


@pytest.fixture
def at_once(live_url: str, olive: User) -> Iterator[Callable[..., list[httpx.Response]]]:
    """Sends one request from each of 64 connections, all let go at the same moment; returns the answers."""
    headers = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}", "Content-Type": JSON_API}
    limits = httpx.Limits(max_connections=CLIENTS)
    barrier = Barrier(CLIENTS)
    with (
        httpx.Client(base_url=live_url, headers=headers, limits=limits, timeout=MOST_SECONDS) as client,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):

        def send(request: Request) -> httpx.Response:
            own_token = {"Authorization": f"Bearer {request.token}"} if request.token else {}
            barrier.wait()
            return client.request(request.method, request.path, json=request.body, headers=own_token)

        yield lambda requests: list(threads.map(send, requests))


@contextmanager
def watching(person: User) -> Iterator[Callable[[], int]]:
    """Looks again and again, from outside, at how many rows are active; afterwards, the most it ever saw."""
    seen, done = [], Event()

    def look() -> None:
        while not done.is_set():
            seen.append(rows.filter(user=person, is_active=True).count())
        connection.close()

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield lambda: max(seen)
    finally:
        done.set()
        watcher.join()


@pytest.mark.thorough
@pytest.mark.drill
def test_64_clients_switch_one_person_among_8_warehouses(
    at_once: Callable[..., list[httpx.Response]], pat: User, whole: bool
) -> None:
    places = [Warehouse.objects.create(name=f"Hall {n}") for n in range(8)]
    rows.set_warehouses(pat, add=places, remove=[])
    paths = [f"{ASSIGNMENTS}/{row.uuid}" for row in rows.filter(user=pat)]
    switch = {"data": {"attributes": {"isActive": True}}}
    for _ in range(50 if whole else 6):
        with watching(pat) as most_active:
            answers = at_once([Request("PATCH", paths[n % 8], switch) for n in range(CLIENTS)])
        assert Counter(answer.status_code for answer in answers) == {200: CLIENTS}
        assert all(answer.json()["data"]["attributes"]["isActive"] for answer in answers)
        assert most_active() == 1
        assert rows.filter(user=pat, is_active=True).count() == 1


@pytest.mark.thorough
def test_64_clients_post_the_same_pair(
    at_once: Callable[..., list[httpx.Response]], pat: User, north: Warehouse
) -> None:
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}, "isActive": True}
    body = {"data": {"type": "warehouse-user-assignments", "attributes": wanted}}
    for _ in range(5):
        answers = at_once([Request("POST", ASSIGNMENTS, body)] * CLIENTS)
        assert Counter(answer.status_code for answer in answers) == {201: 1, 400: CLIENTS - 1}
        duplicate = error(400, "Warehouse user assignment already exists.", "5206", pointer="/data")
        assert all(answer.json() == {"errors": [duplicate]} for answer in answers if answer.status_code == 400)
        assert rows.filter(user=pat, warehouse=north, is_active=True).count() == 1
        rows.all().delete()


@pytest.mark.thorough
@pytest.mark.drill
def test_64_clients_do_everything_to_one_person_at_once(
    at_once: Callable[..., list[httpx.Response]], pat: User, north: Warehouse, whole: bool
) -> None:
    places = [Warehouse.objects.create(name=f"Hall {n}") for n in range(4)]
    signed_in = sign_in(pat.email)
    for _ in range(15 if whole else 4):
        rows.all().delete()
        rows.set_warehouses(pat, add=[*places, north], remove=[])
        rows.get(warehouse=north).activate()
        given = Api(signed_in["access_token"]).post("/warehouse-tokens").json()[0]
        known = [f"{ASSIGNMENTS}/{row.uuid}" for row in rows.filter(user=pat)]
        requests = [_any_request(n, pat, places, known, signed_in["access_token"], given) for n in range(CLIENTS)]
        answers = at_once(requests)
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 400, 403, 404}
        assert {answer.json()["errors"][0]["code"] for answer in answers if "errors" in answer.text} <= {"5201", "5206"}
        assert rows.filter(user=pat, is_active=True).count() in (0, 1)


def _any_request(
    n: int, person: User, places: list[Warehouse], known: list[str], token: str, given: dict[str, str]
) -> Request:
    """A mix in which every row, and every token for it, is fought over."""
    wanted = {"userUuid": str(person.uuid), "warehouse": {"uuid": str(places[n % 4].uuid)}, "isActive": True}
    refresh = {"grant_type": "refresh_token", "refresh_token": given["refreshToken"]}
    return [
        Request("POST", ASSIGNMENTS, {"data": {"type": "warehouse-user-assignments", "attributes": wanted}}),
        Request("PATCH", known[n % 5], {"data": {"attributes": {"isActive": True}}}),
        Request("PATCH", known[(n + 1) % 5], {"data": {"attributes": {"isActive": False}}}),
        Request("DELETE", known[n % 5]),
        Request("POST", "/warehouse-tokens", token=token),
        Request("POST", "/token", refresh),
    ][n % 6]


@pytest.mark.thorough
def test_a_deleted_assignment_and_a_token_for_it_meet_without_a_crash(
    at_once: Callable[..., list[httpx.Response]], pat: User, north: Warehouse
) -> None:
    token = sign_in(pat.email)["access_token"]
    for _ in range(20):
        rows.set_warehouses(pat, add=[north], remove=[])
        row = rows.get()
        row.activate()
        ask = Request("POST", "/warehouse-tokens", token=token)
        answers = at_once([ask] * (CLIENTS - 4) + [Request("DELETE", f"{ASSIGNMENTS}/{row.uuid}")] * 4)
        assert Counter(answer.status_code for answer in answers[-4:]) == {204: 1, 404: 3}
        assert {answer.status_code for answer in answers[:-4]} <= {201, 403}
        assert not any(holds(answer.json()[0]["accessToken"]) for answer in answers if answer.status_code == 201)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["session", "warehouse"])
def test_one_refresh_token_in_64_hands_gives_one_successor_and_ends(
    at_once: Callable[..., list[httpx.Response]], pat: User, north: Warehouse, kind: str
) -> None:
    rows.set_warehouses(pat, add=[north], remove=[])
    rows.get().activate()
    for _ in range(5):
        signed_in = sign_in(pat.email)
        given = Api(signed_in["access_token"]).post("/warehouse-tokens").json()[0]
        refresh_token = {"session": signed_in["refresh_token"], "warehouse": given["refreshToken"]}[kind]
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answers = at_once([Request("POST", "/token", body)] * CLIENTS)
        assert Counter(answer.status_code for answer in answers) == {200: 2, 400: CLIENTS - 2}
        first, retry = (answer.json() for answer in answers if answer.status_code == 200)
        assert first["refresh_token"] == retry["refresh_token"]


@pytest.mark.thorough
def test_two_tabs_that_refresh_at_once_both_stay_signed_in(
    at_once: Callable[..., list[httpx.Response]], pat: User, sam: User
) -> None:
    refresh_token = sign_in(pat.email)["refresh_token"]
    for _ in range(10):
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        idle = Request("GET", "/.well-known/jwks.json")
        tabs = at_once([Request("POST", "/token", body)] * 2 + [idle] * (CLIENTS - 2))[:2]
        assert {tab.status_code for tab in tabs} == {200}
        (refresh_token,) = {tab.json()["refresh_token"] for tab in tabs}


def test_no_sign_in_with_the_old_password_outlives_its_change(
    at_once: Callable[..., list[httpx.Response]], pat: User
) -> None:
    body = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
    change = Timer(0.2, _set_new_password, [pat.pk])
    change.start()
    answers = at_once([Request("POST", "/token", body)] * CLIENTS)
    change.join()
    assert {answer.status_code for answer in answers} <= {200, 400, 429}
    given = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    assert [refusal(Api(token).get(ASSIGNMENTS)) for token in given] == [[INVALID_TOKEN]] * len(given)


def _set_new_password(pk: int) -> None:
    try:
        person = User.objects.get(pk=pk)
        person.set_password("another-Horse-8!")
        person.save()
    finally:
        connection.close()
