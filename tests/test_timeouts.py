"""One bad statement, lock or transaction holds nobody longer than the settings say; a command may take its time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings

from assignments.models import WarehouseUserAssignment
from config.errors import UNAVAILABLE
from tests import live
from tests.client import ASSIGNMENTS, JSON_API, error, sign_in
from users.models import User

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

ACTIVATE = {"data": {"attributes": {"isActive": True}}}
#: What a server may take besides the time that it waits for PostgreSQL.
OWN_SECONDS = 2


@contextmanager
def client_of(environment: dict[str, str], tmp_path: Path, person: User) -> Iterator[httpx.Client]:
    """Of a server with one worker and this environment."""
    headers = {"Authorization": f"Bearer {sign_in(person.email)['access_token']}", "Content-Type": JSON_API}
    own = live.production_environment() | {"WORKERS": "1"} | environment
    with (
        live.live_server(own, tmp_path / "serve.log") as url,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield client


@contextmanager
def locked(sql: str) -> Iterator[None]:
    """Somebody else's transaction, which has done this and does not end."""
    with psycopg.connect(live.database_url()) as other:
        other.execute(sql)
        yield
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
        with locked(f"SELECT FROM users_user WHERE id = {pat_north.user_id} FOR UPDATE"):
            began = time.monotonic()
            stuck = threads.submit(client.patch, row, json=ACTIVATE)
            time.sleep(0.2)  # so that it is at work already
            assert client.get(row).status_code == 200
            answer = stuck.result()
            assert time.monotonic() - began < 1 + OWN_SECONDS
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.json() == {"errors": [error(503, UNAVAILABLE.detail)]}

        assert client.patch(row, json=ACTIVATE).json()["data"]["attributes"]["isActive"] is True


SHOW = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT name, setting FROM pg_settings WHERE name LIKE '%%timeout' AND source = 'client' ORDER BY name")
    print(cursor.fetchall())
"""
IN_A_THREAD = """
from threading import Thread
from config import timeouts
def job():
    timeouts.be_patient()
    exec(show)
thread = Thread(target=job)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        (SHOW, "[]"),
        (
            f"import config.wsgi\n{SHOW}",
            "[('idle_in_transaction_session_timeout', '30000'), ('lock_timeout', '5000'), ('statement_timeout', '10000')]",
        ),
        (
            f"import config.wsgi\nshow = {SHOW!r}\n{IN_A_THREAD}",
            "[('idle_in_transaction_session_timeout', '1800000'), ('lock_timeout', '1800000'), "
            "('statement_timeout', '1800000')]",
        ),
    ],
    ids=["a command", "a request", "beside the requests"],
)
def test_who_has_which_limits(code: str, limits: str) -> None:
    """In milliseconds, as PostgreSQL knows them."""
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=settings.BASE_DIR,
        env=live.production_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == limits


def test_options_of_the_address_are_kept(tmp_path: Path) -> None:
    address = f"{live.database_url()}{'&' if '?' in live.database_url() else '?'}options=-c%20work_mem%3D8MB"
    code = "import config.wsgi\nfrom django.db import connection\nwith connection.cursor() as cursor:\n"
    code += "    cursor.execute('SHOW work_mem'); print(cursor.fetchone()); cursor.execute('SHOW lock_timeout'); print(cursor.fetchone())"
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=settings.BASE_DIR,
        env=live.production_environment() | {"DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["('8MB',)", "('5s',)"]
