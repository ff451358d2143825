"""Sheets on their way, over real HTTP: who waits for an import, and what a reload leaves of imports and exports."""

from __future__ import annotations

import io
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from openpyxl import load_workbook

from assignments.models import WarehouseUserAssignment
from config.api.errors import UNAVAILABLE
from config.spreadsheets.models import Import
from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD, error, sign_in
from tests.support.back_office.sheets import USERS
from tests.support.servers import live
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS, until
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

#: What a server on a busy machine may take besides the time that it waits for PostgreSQL. A job may wait 30 minutes.
OWN_SECONDS = 15
ACTIVATE = {"data": {"attributes": {"isActive": True}}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The main process of a server with one worker, and its address."""
    with live.running(live.production_environment() | {"WORKERS": "1"}, tmp_path / "serve.log") as started:
        yield started


@pytest.fixture
def back_office(server: tuple[psutil.Process, str], ada: User) -> Iterator[httpx.Client]:
    """A browser in which an administrator is signed in."""
    with httpx.Client(base_url=server[1], follow_redirects=True, timeout=MOST_SECONDS) as browser:
        post(browser, "/admin/login/", {"username": ada.email, "password": PASSWORD})
        yield browser


def post(browser: httpx.Client, path: str, form: dict[str, str], **more: Any) -> httpx.Response:
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(path).text))
    return send(browser, path, form | {"csrfmiddlewaretoken": token}, **more)


def send(browser: httpx.Client, path: str, form: dict[str, str], **more: Any) -> httpx.Response:
    answer = browser.post(path, data=form, headers={"Referer": f"{browser.base_url}{path}"}, **more)
    assert answer.status_code == 200, answer.text[:500]
    return answer


def state_of(job: Import) -> str:
    job.refresh_from_db(fields=["state"])
    return job.state


@contextmanager
def import_at_work(browser: httpx.Client, *people: User) -> Iterator[tuple[Import, psycopg.Connection[Any]]]:
    """One that renames these people, has locked all but the last, and waits for that one: to the end of this.

    The connection is the one that it waits for.
    """
    lines = [f"{person.email},Renamed,Person" for person in people]
    file = io.BytesIO("\n".join(["email,first_name,last_name", *lines]).encode())
    post(browser, f"{USERS}import/", {}, files={"file": ("people.csv", file)})
    job = Import.objects.get()
    until(lambda: state_of(job) == Import.State.CHECKED)
    page = browser.get(f"{USERS}import/{job.pk}/").text
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    with psycopg.connect(live.database_url()) as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [people[-1].pk])
        send(browser, f"{USERS}import/{job.pk}/apply/", {"csrfmiddlewaretoken": token})
        wait_until_blocked(other)
        yield job, other
        other.rollback()


def phone_of(url: str, person: User) -> httpx.Client:
    headers = {"Authorization": f"Bearer {sign_in(person.email)['access_token']}", "Content-Type": JSON_API}
    return httpx.Client(base_url=url, headers=headers, timeout=MOST_SECONDS)


def test_while_an_import_changes_people_they_are_told_to_try_again_and_hold_up_the_others_for_a_second_at_most(
    server: tuple[psutil.Process, str],
    back_office: httpx.Client,
    pat_north: WarehouseUserAssignment,
    sam_north: WarehouseUserAssignment,
    make_user: Callable[..., User],
) -> None:
    last = make_user("zoe.last@example.test", is_warehouse_user=True)
    pat, sam = phone_of(server[1], pat_north.user), phone_of(server[1], sam_north.user)
    with pat, sam, ThreadPoolExecutor() as threads:
        with import_at_work(back_office, pat_north.user, last) as (job, other):
            began = time.monotonic()
            held = threads.submit(pat.patch, f"{ASSIGNMENTS}/{pat_north.uuid}", json=ACTIVATE)
            wait_until_blocked(other, 2, held)  # so that it is at work already, in the only worker
            switched = sam.patch(f"{ASSIGNMENTS}/{sam_north.uuid}", json=ACTIVATE)
            assert time.monotonic() - began < 1 + OWN_SECONDS
            assert switched.json()["data"]["attributes"]["isActive"] is True
            refused = held.result()
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert refused.json() == {"errors": [error(503, UNAVAILABLE.detail)]}
            assert state_of(job) == Import.State.APPLYING
        until(lambda: state_of(job) == Import.State.APPLIED)
        assert pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", json=ACTIVATE).status_code == 200


def test_a_reload_lets_an_import_end_that_needs_a_few_seconds_more(
    server: tuple[psutil.Process, str], back_office: httpx.Client, pat: User, sam: User
) -> None:
    main, _url = server
    (worker,) = live.workers_of(main)
    with import_at_work(back_office, pat, sam) as (job, _other):
        main.send_signal(signal.SIGHUP)
        live.wait_until_told_to_end(worker)
        assert psutil.wait_procs([worker], timeout=2)[0] == []
    until(lambda: state_of(job) == Import.State.APPLIED)
    until(lambda: not worker.is_running())
    assert User.objects.filter(first_name="Renamed").count() == 2


def test_imports_that_wait_hold_no_connection_to_the_database_and_begin_by_themselves(
    server: tuple[psutil.Process, str], back_office: httpx.Client, make_user: Callable[..., User]
) -> None:
    """One worker: with two of other people at work, all of Ada's wait."""
    others = [make_user(f"other.{number}@example.test", is_superuser=True) for number in range(2)]
    connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    with psycopg.connect(live.database_url()) as other, psycopg.connect(live.database_url(), autocommit=True) as look:
        other.execute("LOCK TABLE spreadsheets_faultpage IN SHARE MODE")  # at which every check stops: it deletes
        for person in others:
            with httpx.Client(base_url=server[1], follow_redirects=True, timeout=MOST_SECONDS) as browser:
                post(browser, "/admin/login/", {"username": person.email, "password": PASSWORD})
                post(browser, f"{USERS}import/", {}, files={"file": ("people.csv", io.BytesIO(b"email\nx"))})
        until(lambda: Import.objects.running().count() == 2)
        wait_until_blocked(other, 2)
        (before,) = look.execute(connections).fetchone() or ()
        for _ in range(3):
            post(back_office, f"{USERS}import/", {}, files={"file": ("people.csv", io.BytesIO(b"email\nx"))})
        assert (Import.objects.running().count(), Import.objects.waiting().count()) == (2, 3)
        (now,) = look.execute(connections).fetchone() or ()
        assert now <= before  # one that began them may have ended since
        other.rollback()
    until(lambda: set(Import.objects.values_list("state", flat=True)) == {Import.State.CHECKED})


def test_while_a_workbook_is_built_the_same_worker_answers_others(
    server: tuple[psutil.Process, str], back_office: httpx.Client, pat_north: WarehouseUserAssignment
) -> None:
    """One worker. Only the rows of the workbook name warehouses: building it stops at a lock of their table."""
    page = "/admin/assignments/warehouseuserassignment/export/"
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', back_office.get(page).text)[0]
    with psycopg.connect(live.database_url()) as other:
        other.execute("LOCK TABLE warehouses_warehouse IN ACCESS EXCLUSIVE MODE")
        answer = send(back_office, f"{page}?format=xlsx", {"csrfmiddlewaretoken": token})
        wait_until_blocked(other)
        assert httpx.get(f"{server[1]}/health/live", timeout=MOST_SECONDS).status_code == 200
        assert back_office.get(f"{answer.url.path}progress/").json()["running"] is True
        other.rollback()
    until(lambda: not back_office.get(f"{answer.url.path}progress/").json()["running"])
    file = back_office.get(f"{answer.url.path}file/")
    assert load_workbook(io.BytesIO(file.content)).active.max_row == 2
