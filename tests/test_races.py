"""The rule under fire: many clients at once, over real HTTP, against the real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any

import httpx
import pytest
from django.db import connection

from assignments.models import WarehouseUserAssignment
from tests.client import ASSIGNMENTS, JSON_API, error, sign_in
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

CLIENTS = 64
ROUNDS = 50
rows = WarehouseUserAssignment.objects


@pytest.fixture
def at_once(live_url: str, olive: User) -> Iterator[Callable[..., list[httpx.Response]]]:
    """Sends one request from each of 64 connections, all let go at the same moment; returns the answers."""
    headers = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}", "Content-Type": JSON_API}
    limits = httpx.Limits(max_connections=CLIENTS)
    barrier = Barrier(CLIENTS)
    with (
        httpx.Client(base_url=live_url, headers=headers, limits=limits, timeout=60) as client,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):

        def send(request: tuple[str, str, Any]) -> httpx.Response:
            method, path, body = request
            barrier.wait()
            return client.request(method, path, json=body)

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


def test_64_clients_switch_one_person_among_8_warehouses(
    at_once: Callable[..., list[httpx.Response]], pat: User
) -> None:
    places = [Warehouse.objects.create(name=f"Hall {n}") for n in range(8)]
    rows.set_warehouses(pat, add=places, remove=[])
    paths = [f"{ASSIGNMENTS}/{row.uuid}" for row in rows.filter(user=pat)]
    switch = {"data": {"attributes": {"isActive": True}}}
    for _ in range(ROUNDS):
        with watching(pat) as most_active:
            answers = at_once([("PATCH", paths[n % 8], switch) for n in range(CLIENTS)])
        assert Counter(answer.status_code for answer in answers) == {200: CLIENTS}
        assert all(answer.json()["data"]["attributes"]["isActive"] for answer in answers)
        assert most_active() == 1
        assert rows.filter(user=pat, is_active=True).count() == 1


def test_64_clients_post_the_same_pair(
    at_once: Callable[..., list[httpx.Response]], pat: User, north: Warehouse
) -> None:
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}, "isActive": True}
    body = {"data": {"type": "warehouse-user-assignments", "attributes": wanted}}
    for _ in range(5):
        answers = at_once([("POST", ASSIGNMENTS, body)] * CLIENTS)
        assert Counter(answer.status_code for answer in answers) == {201: 1, 400: CLIENTS - 1}
        duplicate = error(400, "Warehouse user assignment already exists.", "5206", pointer="/data")
        assert all(answer.json() == {"errors": [duplicate]} for answer in answers if answer.status_code == 400)
        assert rows.filter(user=pat, warehouse=north, is_active=True).count() == 1
        rows.all().delete()


def test_64_clients_assign_switch_and_deassign_at_once(at_once: Callable[..., list[httpx.Response]], pat: User) -> None:
    places = [Warehouse.objects.create(name=f"Hall {n}") for n in range(8)]
    for _ in range(10):
        rows.all().delete()
        rows.set_warehouses(pat, add=places[:4], remove=[])
        known = [f"{ASSIGNMENTS}/{row.uuid}" for row in rows.filter(user=pat)]
        answers = at_once([_any_request(n, pat, places, known) for n in range(CLIENTS)])
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 400, 404}
        assert {answer.json()["errors"][0]["code"] for answer in answers if answer.is_error} <= {"5201", "5206"}
        assert rows.filter(user=pat, is_active=True).count() in (0, 1)


def _any_request(n: int, person: User, places: list[Warehouse], known: list[str]) -> tuple[str, str, Any]:
    """A mix in which every row is fought over."""
    wanted = {"userUuid": str(person.uuid), "warehouse": {"uuid": str(places[n % 8].uuid)}, "isActive": True}
    return [
        ("POST", ASSIGNMENTS, {"data": {"type": "warehouse-user-assignments", "attributes": wanted}}),
        ("PATCH", known[n % 4], {"data": {"attributes": {"isActive": True}}}),
        ("PATCH", known[(n + 1) % 4], {"data": {"attributes": {"isActive": False}}}),
        ("DELETE", known[n % 4], None),
    ][n // 4 % 4]
