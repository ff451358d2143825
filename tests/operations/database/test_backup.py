"""`manage.py backup` and `restore`: what comes back is what was there, and the site goes on as if nothing had been."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD, sign_in
from tests.support.oauth.held_tokens import Issued
from tests.support.servers import live
from tests.support.servers.databases import command, counts, installation, manage, new_database, restored, rows, schema
from tests.support.waiting import MOST_SECONDS
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

PEOPLE = 6


@pytest.fixture
def production(transactional_db: None) -> dict[str, str]:
    return live.production_environment()


@pytest.fixture
def empty() -> Iterator[str]:
    with new_database("restored") as url:
        yield url


# --- Under load -------------------------------------------------------------------------------------------------
class Load:
    """Everybody switches to and fro, each on a connection of their own, until it is left."""

    def __init__(self, url: str, people: list[list[WarehouseUserAssignment]], token: str) -> None:
        self.url, self.people = url, people
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON_API}
        self.acknowledged = [0] * len(people)
        self.done = Event()

    def __enter__(self) -> Load:
        self.threads = ThreadPoolExecutor(len(self.people))
        self.clients = [self.threads.submit(self._switch, number) for number in range(len(self.people))]
        return self

    def __exit__(self, *failure: object) -> None:
        self.done.set()
        for client in self.clients:
            client.result()
        self.threads.shutdown()

    def _switch(self, number: int) -> None:
        body = {"data": {"attributes": {"isActive": True}}}
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=MOST_SECONDS) as client:
            for turn in range(2_000):  # at the very most
                if not self.done.is_set():
                    row = self.people[number][turn % 2]
                    assert client.patch(f"{ASSIGNMENTS}/{row.uuid}", json=body).status_code == 200
                    self.acknowledged[number] += 1

    def wait(self) -> None:
        """Until everybody has switched twice from now on."""
        wanted = [number + 2 for number in self.acknowledged]
        while any(now < then for now, then in zip(self.acknowledged, wanted, strict=True)):
            assert not any(client.done() for client in self.clients), "a client has stopped"
            self.done.wait(0.05)


@pytest.fixture
def people(
    make_user: Callable[..., User], assign: Callable[..., Any], north: Warehouse, river: Warehouse
) -> list[list[WarehouseUserAssignment]]:
    """The two assignments of each: one of them active."""
    workers = [make_user(f"worker.number{number}@example.test", is_warehouse_user=True) for number in range(PEOPLE)]
    return [[assign(worker, north), assign(worker, river, is_active=True)] for worker in workers]


def test_a_backup_under_load_is_the_site_as_it_was_at_one_moment(
    live_url: str,
    production: dict[str, str],
    olive: User,
    people: list[list[WarehouseUserAssignment]],
    empty: str,
    tmp_path: Path,
) -> None:
    file, source = tmp_path / "site.dump", live.database_url()
    history = "SELECT count(*) FROM assignments_warehouseuserassignmentevent"
    with Load(live_url, people, sign_in(olive.email)["access_token"]) as load:
        load.wait()
        ((before,),) = rows(source, history)
        manage(production, "backup", file)
        load.wait()
    manage(installation(empty), "restore", file)

    ((then,),), ((now,),) = rows(empty, history), rows(source, history)
    assert before <= then < now, "nobody wrote between the two readings"
    assert schema(empty) == schema(source)  # every constraint, index and trigger
    everybody = [(2, 1)] * PEOPLE  # has two, one of them active
    standing = "SELECT count(*), count(*) FILTER (WHERE is_active) FROM assignments_warehouseuserassignment"
    assert rows(empty, f"{standing} GROUP BY user_id") == everybody
    # What the history said last is what is so: rows and history are of the same moment, and no trigger fired.
    assert rows(empty, _CONTRADICTIONS) == []


_CONTRADICTIONS = """
SELECT * FROM assignments_warehouseuserassignment AS assignment CROSS JOIN LATERAL (
    SELECT is_active, activation FROM assignments_warehouseuserassignmentevent
    WHERE pgh_obj_id = assignment.id ORDER BY pgh_id DESC LIMIT 1
) AS last WHERE (last.is_active, last.activation) <> (assignment.is_active, assignment.activation)
"""


# --- What comes back --------------------------------------------------------------------------------------------
@pytest.fixture
def file(production: dict[str, str], issued: Issued, river: Warehouse, tmp_path: Path) -> Path:
    """A backup of a site where Pat is signed in and works in North Dock now."""
    path = tmp_path / "site.dump"
    told = manage(production, "backup", path)
    total = sum(counts(live.database_url()).values())
    assert told.splitlines()[0] == f"{path}: {path.stat().st_size:,} bytes, {total:,} rows."
    assert "Not in it: SECRET_KEY." in told
    assert oct(path.stat().st_mode) == "0o100600"
    return path


def test_every_row_comes_back_once_and_triggers_and_the_rule_live(
    file: Path, issued: Issued, river: Warehouse, empty: str
) -> None:
    source = live.database_url()
    told = manage(installation(empty), "restore", file)

    assert counts(empty) == restored(counts(source))
    total = sum(counts(source).values())
    assert told.startswith(f"{total:,} rows were restored.")
    event = "SELECT event, level, details FROM users_auditevent ORDER BY id DESC LIMIT 1"
    assert rows(empty, event) == [("Database Restored", "warning", {"rows": total})]
    ((analyzed,),) = rows(empty, "SELECT reltuples FROM pg_class WHERE relname = 'django_migrations'")
    assert analyzed == counts(source)["django_migrations"]
    with psycopg.connect(empty) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation, match="assignment_one_active_per_user"):
            connection.execute(_SECOND_ACTIVE, [issued.row.user_id, river.pk])
        connection.rollback()
        connection.execute("DELETE FROM assignments_warehouseuserassignment")  # numbers go on after the last one
        assert connection.execute(
            "SELECT pgh_label FROM assignments_warehouseuserassignmentevent ORDER BY pgh_id DESC LIMIT 1"
        ).fetchone() == ("delete",)
        assert connection.execute("SELECT bool_or(has_warehouse) FROM users_user").fetchone() == (False,)


_SECOND_ACTIVE = """
INSERT INTO assignments_warehouseuserassignment (uuid, user_id, warehouse_id, is_active, activation)
VALUES (gen_random_uuid(), %s, %s, true, 1)
"""


def test_a_site_on_another_server_goes_on_where_the_backup_left_off(file: Path, issued: Issued, tmp_path: Path) -> None:
    """The embedded server of another folder; nothing but the file and `SECRET_KEY` is brought along."""
    mine = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
    environment = mine | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(tmp_path / "var"),
        "SECRET_KEY": settings.SECRET_KEY,
        "ISSUER": settings.ISSUER,
        "WORKERS": "1",
    }
    subprocess.run(command("restore", str(file)), env=environment, check=True, stdout=subprocess.DEVNULL)

    with (
        live.live_server(environment, tmp_path / "serve.log") as url,
        httpx.Client(base_url=url, timeout=MOST_SECONDS) as client,
    ):

        def post(path: str, **form: str) -> httpx.Response:
            return client.post(path, data=form)

        credentials = {"username": issued.pat.email, "password": PASSWORD}
        assert post("/token", grant_type="password", **credentials).status_code == 200
        assert post("/token", grant_type="refresh_token", refresh_token=issued.refresh_token).status_code == 200
        as_pat = {"Authorization": f"Bearer {issued.user_token}", "Content-Type": JSON_API}
        (row,) = client.get(ASSIGNMENTS, headers=as_pat).json()["data"]
        assert (row["id"], row["attributes"]["isActive"]) == (str(issued.row.uuid), True)
        assert post("/introspect", token=issued.warehouse_token, **issued.service).json()["active"] is True
        body = {"data": {"attributes": {"isActive": False}}}
        assert client.patch(f"{ASSIGNMENTS}/{row['id']}", headers=as_pat, json=body).status_code == 200
        assert post("/introspect", token=issued.warehouse_token, **issued.service).json() == {"active": False}


def test_sessions_end_with_the_option(file: Path, issued: Issued, empty: str) -> None:
    live_sessions = "SELECT count(*) FROM users_session WHERE ended_at IS NULL"
    ((signed_in,),) = rows(live.database_url(), live_sessions)

    told = manage(installation(empty), "restore", file, "--end-sessions")

    assert f"{signed_in} sessions were ended." in told
    assert rows(empty, live_sessions) == [(0,)]
    assert rows(empty, "SELECT DISTINCT end_reason FROM users_session") == [("restored from a backup",)]
    assert counts(empty)["django_session"] == 0  # the cookies of the Back Office
    told = "SELECT count(*) FROM users_sessionevent WHERE end_reason = 'restored from a backup'"
    assert rows(empty, told) == [(signed_in,)]


def test_a_full_database_is_replaced_with_the_option(file: Path, issued: Issued, empty: str) -> None:
    """Also what the backup knows nothing of."""
    manage(installation(empty), "restore", file)
    with psycopg.connect(empty) as connection:
        connection.execute("DELETE FROM assignments_warehouseuserassignment")
        connection.execute("CREATE TABLE of_a_later_release (person bigint REFERENCES users_user)")

    manage(installation(empty), "restore", file, "--replace")

    assert counts(empty) == restored(counts(live.database_url()))
    assert schema(empty) == schema(live.database_url())
