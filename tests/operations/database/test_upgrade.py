"""A site of release 0.1.0 is brought up to this one and to one that comes after it: nothing is lost, and all holds.

The one that comes after it (`tests.later_release`) has migrations in any case; this one has those made since 0.1.0.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.api.client import ASSIGNMENTS, PASSWORD
from tests.support.servers import first_release, live
from tests.support.servers.databases import (
    command,
    installation,
    later_installation,
    later_schema,
    manage,
    new_database,
    rows,
    schema,
)
from tests.support.waiting import MOST_SECONDS, until

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.live,
    pytest.mark.xdist_group("releases"),
    pytest.mark.django_db(transaction=True),
]

PAT = "pat.picker@example.test"


class Site:
    """Its database before and after."""

    def __init__(self, url: str, refresh_token: str, folder: Path) -> None:
        self.url, self.refresh_token, self.backup = url, refresh_token, folder / "first.dump"
        self.before = self.known()
        manage(installation(url), "backup", self.backup)
        with new_database("first_release_at_work", like="first_release") as copy:
            self.made, self.wrong = upgrade_at_work(copy)
        manage(installation(url), "migrate", "-v0")
        self.schema = schema(url)
        manage(later_installation(url), "migrate", "-v0")

    def known(self) -> dict[str, list[Any]]:
        """All that the first release could tell of its rows."""
        return known(self.url)

    @contextmanager
    def change(self) -> Iterator[psycopg.Connection[Any]]:
        """What is done here is taken back."""
        with psycopg.connect(self.url) as connection:
            yield connection
            connection.rollback()


def known(url: str) -> dict[str, list[Any]]:
    tables = first_release.COLUMNS.items()
    return {
        table: rows(url, f"SELECT {columns} FROM {table} ORDER BY {columns.partition(',')[0]}")
        for table, columns in tables
    }


@pytest.fixture(scope="module")
def site(first: str, signed_in_then: str, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    with django_db_blocker.unblock():
        return Site(first, signed_in_then, tmp_path_factory.mktemp("first"))


def test_every_row_is_there_as_it_was(site: Site) -> None:
    assert {table: len(found) for table, found in site.before.items()} == {
        "warehouses_warehouse": 4,
        "users_user": 200,
        "users_session": 181,
        "assignments_warehouseuserassignment": 361,
        "assignments_warehousegrant": 61,
        "users_user_groups": 2,
        "users_userevent": 202,
        "assignments_warehouseuserassignmentevent": 361,
    }
    assert site.known() == site.before


def test_the_schema_is_that_of_a_new_site(site: Site) -> None:
    assert site.schema == schema(live.database_url())
    assert schema(site.url) == later_schema()


@pytest.mark.parametrize(
    ("column", "truth"),
    [
        ("has_warehouse", "EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id)"),
        (
            "roles",
            "ARRAY(SELECT name FROM auth_group JOIN users_user_groups ON group_id = auth_group.id "
            "WHERE user_id = users_user.id ORDER BY name)",
        ),
        ("has_two_factor", "false"),
        ("password_changed_at IS NULL", "true"),
    ],
)
def test_columns_that_postgresql_writes_are_right(site: Site, column: str, truth: str) -> None:
    assert rows(site.url, f"SELECT email, {column} FROM users_user WHERE {column} IS DISTINCT FROM {truth}") == []


def test_everybody_is_found_by_a_search(site: Site) -> None:
    assert not_found(site.url) == []
    assert rows(site.url, "SELECT count(*) FROM users_searchentry WHERE names ~ 'mueller-'") == [(198,)]


def test_there_were_people_on_either_side_of_those_columns(site: Site) -> None:
    """Else the test above could not fail."""
    assert rows(site.url, "SELECT has_warehouse, count(*) FROM users_user GROUP BY 1 ORDER BY 1") == [
        (False, 59),
        (True, 141),
    ]
    assert rows(site.url, "SELECT roles, count(*) FROM users_user GROUP BY 1 ORDER BY 1") == [
        ([], 198),
        (["Night shift"], 2),
    ]


@pytest.mark.parametrize(
    ("constraint", "harm"),
    [
        (
            "assignment_one_active_per_user",
            "UPDATE assignments_warehouseuserassignment SET is_active = true WHERE user_id = (SELECT user_id FROM "
            "assignments_warehouseuserassignment GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1)",
        ),
        (
            "assignment_user_warehouse_unique",
            "INSERT INTO assignments_warehouseuserassignment (uuid, user_id, warehouse_id, is_active, activation) "
            "SELECT gen_random_uuid(), user_id, warehouse_id, false, 0 FROM assignments_warehouseuserassignment",
        ),
        ("user_email_unique", "UPDATE users_user SET email = 'PAT.Picker@example.test' WHERE first_name = 'Ada'"),
        ("user_status_known", "UPDATE users_user SET status = 'away'"),
        ("warehouse_name_unique", "UPDATE warehouses_warehouse SET name = 'Everywhere'"),
        ("warehouse_name_trimmed_not_blank", "UPDATE warehouses_warehouse SET name = ' '"),
    ],
)
def test_the_rule_and_the_constraints_hold(site: Site, constraint: str, harm: str) -> None:
    with site.change() as connection, pytest.raises(psycopg.errors.IntegrityError, match=constraint):
        connection.execute(harm)


def test_the_history_of_then_is_there_and_goes_on(site: Site) -> None:
    with site.change() as connection:
        connection.execute("DELETE FROM users_user_groups")
        connection.execute("DELETE FROM assignments_warehousegrant")
        connection.execute("DELETE FROM assignments_warehouseuserassignment")
        newest = "SELECT pgh_label, roles FROM users_userevent ORDER BY pgh_id DESC LIMIT 2"
        assert connection.execute(newest).fetchall() == [("update", [])] * 2
        assert connection.execute(
            "SELECT pgh_label, count(*) FROM assignments_warehouseuserassignmentevent GROUP BY 1 ORDER BY 1"
        ).fetchall() == [("delete", 361), ("insert", 361)]
        assert connection.execute("SELECT count(*) FROM users_user WHERE has_warehouse").fetchall() == [(0,)]


# --- While servers of the first release are still at work ---------------------------------------------------------
def upgrade_at_work(url: str) -> tuple[tuple[int, int, int], list[str]]:
    """Migrates while a server of the first release writes.

    How many people it had made before that, right afterwards and in the end; whose columns are wrong then.
    """
    done = Event()
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write_as_then, url, done)
        try:
            before = newcomers(url, least=1)
            manage(installation(url), "migrate", "-v0")
            manage(later_installation(url), "migrate", "-v0")
            after = newcomers(url, least=before)
            newcomers(url, least=after + 2)
        finally:
            done.set()
        made = writing.result()
    assert rows(url, "SELECT count(*) FROM users_user WHERE last_name = 'Newcomer'") == [(made,)]
    truth = "EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id)"
    return (before, after, made), [
        email for (email,) in rows(url, f"SELECT email FROM users_user WHERE has_warehouse <> {truth}") + not_found(url)
    ]


def not_found(url: str) -> list[tuple[str]]:
    """The people whom no search would find by their names of now."""
    return rows(
        url,
        "SELECT users_user.email FROM users_user LEFT JOIN users_searchentry ON user_id = id "
        "WHERE sought IS DISTINCT FROM search_text(first_name || ' ' || last_name || ' ' || users_user.email)",
    )


def newcomers(url: str, *, least: int) -> int:
    """How many people it has made, once they are so many."""

    def made() -> int:
        ((number,),) = rows(url, "SELECT count(*) FROM users_user WHERE last_name = 'Newcomer'")
        return int(number) if number >= least else 0

    return until(made)


def write_as_then(url: str, done: Event) -> int:
    """People who come, sign in, are assigned and switch, one after the other; each statement is committed."""
    made = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not done.is_set():
            person = ["!", False, f"new.{made}@example.test", "Jo", "Newcomer", "active", True, "en_US"]
            ((newcomer,),) = connection.execute(first_release.PERSON, person).fetchall()
            made += 1
            first_release.sign_in(connection, newcomer)
            first_release.assign(connection, newcomer, "Old Mill", is_active=False)
            for statement in _SWITCH:
                connection.execute(statement, [newcomer])
    return made


#: To the second warehouse, as the write methods do it: clear, then set.
_SWITCH = (
    "UPDATE assignments_warehouseuserassignment SET is_active = false WHERE is_active AND user_id = %s",
    "UPDATE assignments_warehouseuserassignment SET is_active = true, activation = activation + 1 WHERE id = "
    "(SELECT max(id) FROM assignments_warehouseuserassignment WHERE user_id = %s)",
)


def test_servers_of_the_first_release_go_on_writing_during_the_upgrade(site: Site) -> None:
    """Servers may be changed one after the other: each statement of the old ones is taken, before, during and after."""
    before, after, made = site.made
    assert 0 < before < after < made
    assert site.wrong == []


def test_servers_of_the_first_release_can_write_afterwards(site: Site) -> None:
    with site.change() as connection:
        ((person,),) = connection.execute(
            first_release.PERSON, ["!", False, "new@example.test", "Jo", "New", "active", True, "en_US"]
        ).fetchall()
        first_release.sign_in(connection, person)
        first_release.assign(connection, person, "Old Mill", is_active=False)
        assert connection.execute("SELECT has_warehouse FROM users_user WHERE id = %s", [person]).fetchone() == (True,)


def test_whoever_was_there_signs_in_and_whoever_was_signed_in_goes_on(site: Site, tmp_path: Path) -> None:
    environment = later_installation(site.url) | {"WORKERS": "1"}
    with (
        live.live_server(environment, tmp_path / "serve.log") as url,
        httpx.Client(base_url=url, timeout=MOST_SECONDS) as client,
    ):
        again = {"grant_type": "refresh_token", "refresh_token": site.refresh_token}
        assert client.post("/token", data=again).status_code == 200
        password = {"grant_type": "password", "username": PAT, "password": PASSWORD}
        tokens = client.post("/token", data=password).json()
        as_pat = {"Authorization": f"Bearer {tokens['access_token']}"}
        (row,) = client.get(ASSIGNMENTS, headers=as_pat).json()["data"]
        assert row["attributes"]["isActive"] is True
        assert row["attributes"]["warehouse"]["name"] == "North Dock"
        assert client.post("/warehouse-tokens", headers=as_pat).status_code == 201
        blocked = password | {"username": "Person.8@example.test"}
        assert client.post("/token", data=blocked).json()["error"] == "invalid_grant"


def test_a_backup_of_the_first_release_restores_into_a_later_one(site: Site) -> None:
    with new_database("restored_first") as url:
        told = manage(later_installation(url), "restore", site.backup)

        assert told.startswith("The backup is of an earlier release: ")
        assert known(url) == site.before
        assert schema(url) == later_schema()


_SIGNED_IN = "SELECT count(*) FROM users_session WHERE ended_at IS NULL AND expires_at > now()"


def test_sessions_that_a_restore_ends_never_come_to_life(site: Site) -> None:
    """The command is killed as soon as the backup is in the database: `migrate` goes on from there."""
    with new_database("restored_in_part") as url:
        process = subprocess.Popen(
            command("restore", str(site.backup), "--end-sessions"),
            env=later_installation(url) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The backup is of an earlier release: ")
        process.kill()
        process.communicate()

        assert rows(url, _SIGNED_IN) == [(0,)]
        ended = "SELECT count(*) FROM users_session WHERE end_reason = 'restored from a backup'"
        assert rows(url, ended) == [(21,)]  # who was signed in then
        manage(later_installation(url), "migrate", "-v0")
        assert rows(url, _SIGNED_IN) == [(0,)]
        assert schema(url) == later_schema()
