"""`manage.py migrate` on a site that is at work: who waits for a lock lets others pass, and what stopped goes on.

The migrations are those of a release that comes after this one (`tests.later_release`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

import assignments.migrations
from config.database import preparation
from config.management.commands.migrate import _LOCK_SECONDS
from tests import later_release
from tests.support.servers import live
from tests.support.servers.databases import (
    command,
    installation,
    later_installation,
    later_schema,
    manage,
    new_database,
    refused,
    rows,
    run,
    schema,
)
from tests.support.waiting import MOST_SECONDS, until

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.live,
    pytest.mark.xdist_group("releases"),
    pytest.mark.django_db(transaction=True),
]

#: What a busy machine may take besides. Behind a migration that did not give up, one would wait for ever.
OWN_SECONDS = 15


@contextmanager
def transaction(url: str, statement: str) -> Iterator[None]:
    """One that does nothing more after that, and stays open, as those of backups, exports and imports do."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


class Migrating:
    """`manage.py migrate`, while something else is going on."""

    def __init__(self, url: str, log: Path) -> None:
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(command("migrate", "-v0"), env=later_installation(url), stderr=errors)

    def told(self) -> str:
        return self.log.read_text()

    def end(self) -> None:
        assert self.process.wait(timeout=MOST_SECONDS) == 0, self.told()


@pytest.fixture
def migrating(tmp_path: Path) -> Iterator[Callable[[str], Migrating]]:
    begun = []

    def begin(url: str) -> Migrating:
        begun.append(Migrating(url, tmp_path / "migrate.log"))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.fixture(scope="module")
def site(first: str, django_db_blocker: Any) -> str:
    """A database of this release, which the first test brings up to the later one."""
    with django_db_blocker.unblock():
        manage(installation(first), "migrate", "-v0")
    return first


def longest_wait(url: str, done: Callable[[], Any]) -> float:
    """In seconds, of those who write and read one person again and again."""
    longest = 0.0
    with psycopg.connect(url, autocommit=True, options=f"-c lock_timeout={MOST_SECONDS}s") as connection:
        while not done():
            begun = monotonic()
            connection.execute("UPDATE users_user SET last_login = now() WHERE id = 1 RETURNING email")
            longest = max(longest, monotonic() - begun)
            sleep(0.01)
    return longest


def test_a_migration_that_waits_for_a_long_reader_lets_others_pass(
    site: str, migrating: Callable[[str], Migrating]
) -> None:
    with transaction(site, "SELECT count(*) FROM users_user"):
        migrate = migrating(site)
        waited = longest_wait(site, migrate.told)
        assert 0.2 < waited < _LOCK_SECONDS + OWN_SECONDS, "nobody waited behind it, or for too long"

    migrate.end()
    assert migrate.told() == (
        "users.9000_column waits for another transaction, such as a backup, an export or an import. "
        "The site goes on; the next try is in 10 seconds.\n"
    )
    assert schema(site) == later_schema()


def test_who_waits_in_vain_gives_up_and_says_what_to_do(signed_in_then: str) -> None:
    with new_database("waits_in_vain", like="first_release") as url:
        manage(installation(url), "migrate", "-v0")
        with transaction(url, "LOCK TABLE users_user IN ACCESS SHARE MODE"):
            status, _, complaint = run(later_installation(url) | {"MIGRATION_WAIT_SECONDS": "1"}, "migrate", "-v0")
    *waits, end = complaint.splitlines()
    held_up = "users.9000_column waits for another transaction"
    assert set(waits) == {
        f"{held_up}, such as a backup, an export or an import. The site goes on; the next try is in 1 seconds."
    }
    assert end == (
        f"CommandError: {held_up}, in vain for more than 1 seconds. The migrations before it are applied. End that "
        "transaction (pg_stat_activity shows it) or wait until it is done, and start again; MIGRATION_WAIT_SECONDS "
        "sets how long to wait."
    )
    assert status == 1


def test_warehouses_whose_names_differ_in_case_only_are_named_before_the_upgrade(signed_in_then: str) -> None:
    """Release 0.1.0 took them. Once they have names of their own, the upgrade goes on."""
    add = "INSERT INTO warehouses_warehouse (id, uuid, name) VALUES (%s, gen_random_uuid(), %s)"
    with new_database("same_names", like="first_release") as url:
        with psycopg.connect(url) as connection:
            for number, name in ((901, "river ANNEX"), (902, "Übersee"), (903, "übersee")):
                connection.execute(add, [number, name])
        ((river,),) = rows(url, "SELECT id FROM warehouses_warehouse WHERE name = 'River Annex'")
        assert refused(installation(url), "migrate", "-v0") == (
            f"Warehouses with the same name, but for upper and lower case: “River Annex” (ID {river}), “river ANNEX” "
            "(ID 901); “Übersee” (ID 902), “übersee” (ID 903). Rename all but one of each and start again."
        )
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE warehouses_warehouse SET name = name || ' 2' WHERE id IN (901, 903)")
        manage(installation(url), "migrate", "-v0")


def test_names_of_warehouses_get_their_normal_form_unless_two_would_look_the_same(signed_in_then: str) -> None:
    add = "INSERT INTO warehouses_warehouse (id, uuid, name) VALUES (%s, gen_random_uuid(), %s)"
    given = {
        911: "River\u00a0Annex",
        912: "\u200b",
        913: "Mu\u0308hle\u00a0 1",
        914: "\u200bDock\t9",
        915: "Re\u200b\u0301my",
    }
    with new_database("odd_names", like="first_release") as url:
        with psycopg.connect(url) as connection:
            connection.cursor().executemany(add, given.items())
        ((river,),) = rows(url, "SELECT id FROM warehouses_warehouse WHERE name = 'River Annex'")
        assert refused(installation(url), "migrate", "-v0") == (
            f"Warehouses whose names look the same, or like nothing: “River Annex” (ID {river}), “{given[911]}” "
            f"(ID 911); “{given[912]}” (ID 912). Rename all but one of each and start again."
        )
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE warehouses_warehouse SET name = 'Hall ' || id WHERE id IN (911, 912)")
        manage(installation(url), "migrate", "-v0")
        found = rows(url, "SELECT name FROM warehouses_warehouse WHERE id > 910 ORDER BY id")
    assert found == [("Hall 911",), ("Hall 912",), ("Mühle 1",), ("Dock 9",), ("R\u00e9my",)]


class Clock:
    """Time that passes while one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_who_waits_for_another_process_says_so_and_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "time", Clock())
    with new_database("another_prepares") as url, psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('manage.py serve'))")
        own = {"MIGRATION_WAIT_SECONDS": "6", "PORT": str(live.free_port())}
        status, told, complaint = run(installation(url) | own, "serve")
        tables = rows(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert complaint.splitlines() == [
        "Waiting for another process that prepares the database, for 5 seconds so far ...",
        "CommandError: Another process has been preparing the database for more than 6 seconds (manage.py serve or "
        "restore, on any server): see what it says, or end it. Nothing was changed. MIGRATION_WAIT_SECONDS sets how "
        "long this one waits.",
    ]
    assert (status, told, tables) == (1, "", [(0,)])


# --- Indexes that are made while others write ---------------------------------------------------------------------
@pytest.fixture
def before(site: str) -> str:
    """The migration that makes indexes in no transaction is still to come."""
    manage(later_installation(site), "migrate", "-v0")
    manage(later_installation(site), "migrate", "assignments", later_release.newest(assignments.migrations), "-v0")
    return site


WRITE = "UPDATE assignments_warehouseuserassignment SET updated_at = now() WHERE id = 1"


def making(url: str, *, for_seconds: int = 0) -> int:
    """The backend that has been making an index for so long, and waits for those who write until it does."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE starts_with(query, 'CREATE INDEX CONCURRENTLY') "
        "AND wait_event_type = 'Lock' AND datname = current_database() "
        "AND clock_timestamp() - query_start >= %s * interval '1 second'"
    )
    return int(until(lambda: rows(url, query, for_seconds))[0][0])


def invalid(url: str) -> list[str]:
    return [name for (name,) in rows(url, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")]


def test_an_index_waits_for_long_writers_and_holds_nobody_up(
    before: str, migrating: Callable[[str], Migrating]
) -> None:
    with transaction(before, WRITE):
        migrate = migrating(before)
        making(before, for_seconds=_LOCK_SECONDS + 1)
        with psycopg.connect(before, options="-c lock_timeout=100ms") as connection:
            connection.execute(WRITE.replace("id = 1", "id = 2"))
        making(before)
    migrate.end()

    assert migrate.told() == ""
    assert schema(before) == later_schema()


def test_indexes_that_were_left_half_made_are_made_again(before: str, migrating: Callable[[str], Migrating]) -> None:
    """Also one that had been made: the migration as a whole had not been applied."""
    with transaction(before, WRITE):
        migrate = migrating(before)
        pid = making(before)
        migrate.process.kill()
        rows(before, "SELECT pg_terminate_backend(%s, 60_000)", pid)
    with psycopg.connect(before) as connection:
        connection.execute("CREATE INDEX assignment_later_by_created_at ON assignments_warehouseuserassignment (id)")
    assert invalid(before) == ["assignment_later_by_is_active"]

    manage(later_installation(before), "migrate", "-v0")

    assert invalid(before) == []
    assert schema(before) == later_schema()
