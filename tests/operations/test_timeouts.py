"""One bad statement, lock or transaction holds nobody longer than the settings say; a command may take its time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from assignments.models import WarehouseUserAssignment
from config.api.errors import UNAVAILABLE
from tests.support.api.client import ASSIGNMENTS, JSON_API, error, sign_in
from tests.support.servers import live
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.servers.postgres import cluster
from tests.support.waiting import MOST_SECONDS
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

ACTIVATE = {"data": {"attributes": {"isActive": True}}}
#: What a server on a busy machine may take besides the time that it waits for PostgreSQL. Without a limit, it waits for
#: ever.
OWN_SECONDS = 15


@contextmanager
def client_of(environment: dict[str, str], tmp_path: Path, person: User) -> Iterator[httpx.Client]:
    """Of a server with one worker and this environment."""
    headers = {"Authorization": f"Bearer {sign_in(person.email)['access_token']}", "Content-Type": JSON_API}
    own = live.production_environment() | {"WORKERS": "1"} | environment
    with (
        live.live_server(own, tmp_path / "serve.log") as url,
        httpx.Client(base_url=url, headers=headers, timeout=MOST_SECONDS) as client,
    ):
        yield client


@contextmanager
def locked(sql: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's transaction, which has done this and does not end."""
    with psycopg.connect(live.database_url()) as other:
        other.execute(sql)
        yield other
        other.rollback()


@pytest.mark.parametrize(
    "limits",
    [
        {"LOCK_TIMEOUT_SECONDS": "1"},
        {"STATEMENT_TIMEOUT_SECONDS": "1", "LOCK_TIMEOUT_SECONDS": "0"},  # 0 is PostgreSQL's word for never
    ],
    ids=["lock", "statement"],
)
def test_what_is_stuck_in_the_database_is_given_up_and_holds_no_one_else(
    tmp_path: Path, olive: User, pat_north: WarehouseUserAssignment, limits: dict[str, str]
) -> None:
    row = f"{ASSIGNMENTS}/{pat_north.uuid}"
    with client_of(limits, tmp_path, olive) as client, ThreadPoolExecutor() as threads:
        with locked(f"SELECT FROM users_user WHERE id = {pat_north.user_id} FOR UPDATE") as other:
            began = time.monotonic()
            stuck = threads.submit(client.patch, row, json=ACTIVATE)
            wait_until_blocked(other, 1, stuck)  # so that it is at work already
            assert client.get(row).status_code == 200
            answer = stuck.result()
            assert time.monotonic() - began < 1 + OWN_SECONDS
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.json() == {"errors": [error(503, UNAVAILABLE.detail)]}

        assert client.patch(row, json=ACTIVATE).json()["data"]["attributes"]["isActive"] is True


SHOW = """
from django.db import connection
names = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "work_mem"
with connection.cursor() as cursor:
    for name in names:
        cursor.execute(f"SHOW {name}")
        print(*cursor.fetchone())
"""
IN_A_THREAD = """
from threading import Thread
from config.database import timeouts
def job():
    timeouts.use_job_limits()
    exec(show)
thread = Thread(target=job)
thread.start()
thread.join()
"""


def told(code: str, **environment: str) -> list[str]:
    """What a process with the settings of an installation prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=settings.BASE_DIR,
        env=live.production_environment() | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_who_has_which_limits() -> None:
    """A command, and in a server requests and what is done beside them."""
    assert told(SHOW)[:3] == ["0", "0", "0"]
    shown = told(f"import config.wsgi\n{SHOW}\nshow = {SHOW!r}\n{IN_A_THREAD}")
    assert (shown[:3], shown[4:7]) == (["10s", "1s", "30s"], ["30min", "30min", "30min"])


def test_options_of_the_address_are_kept() -> None:
    address = live.database_url()
    address += f"{'&' if '?' in address else '?'}options=-c%20work_mem%3D8MB"

    assert told(f"import config.wsgi\n{SHOW}", DATABASE_URL=address) == ["10s", "1s", "30s", "8MB"]


UNANSWERED = """
import socket
from django.db import connection
connection.ensure_connection()
with socket.fromfd(connection.connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as wire:
    print(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
    print(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
"""


def test_a_database_that_is_gone_without_a_word_is_given_up() -> None:
    """By the kernel: nothing that a test can do takes a machine's network away. The address may say otherwise."""
    with cluster(fsync="off") as postgres:
        assert told(UNANSWERED, DATABASE_URL=postgres.url) == ["15000", "5"]
        assert told(UNANSWERED, DATABASE_URL=f"{postgres.url}?tcp_user_timeout=3000") == ["3000", "5"]
