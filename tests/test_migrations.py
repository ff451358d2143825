"""Migrations are safe on a site that is at work: django-migration-linter looks at every one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.migration_linter import MigrationLinter
from django_migration_linter.sql_analyser import analyse_sql_statements

OURS = ("users", "warehouses", "assignments", "spreadsheets")

#: An index made on a full table holds up whoever writes there, not whoever reads, until it is made. These were there
#: before the first version had a number; at 20,000 people and 100,000 assignments nobody waited longer than a second.
#: A new one is made with AddIndexConcurrently, in a migration of its own (`atomic = False`).
BEFORE_THE_FIRST_VERSION = {
    "assignments.0004_history_by_index": {"CREATE_INDEX"},
    "assignments.0005_standing": {"CREATE_INDEX"},
    "spreadsheets.0003_keeping": {"CREATE_INDEX", "DROP_INDEX"},
    "users.0003_history_by_index": {"CREATE_INDEX"},
    "users.0006_search": {"CREATE_INDEX", "DROP_INDEX"},
    "users.0007_counted_by_index": {"CREATE_INDEX", "DROP_INDEX"},
    "users.0008_failures_by_account": {"CREATE_INDEX", "DROP_INDEX"},
    "users.0010_has_warehouse": {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"},
    "users.0012_security_events": {"CREATE_INDEX", "DROP_INDEX"},
    "users.0016_security_events_by_account": {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX"},
    "warehouses.0003_history_by_index": {"CREATE_INDEX"},
}

#: What is encrypted is not to be had in clear again: there is no way back, on purpose.
ON_PURPOSE = {"users.0017_second_factor_in_no_clear_text": {"RUNPYTHON_REVERSIBLE"}}


@pytest.fixture
def linter(transactional_db: None) -> MigrationLinter:
    return MigrationLinter(no_cache=True, no_output=True)


def ours() -> list[migrations.Migration]:
    found = MigrationLoader(None).disk_migrations.values()
    return sorted((one for one in found if one.app_label in OURS), key=str)


def faults(linter: MigrationLinter, migration: migrations.Migration) -> Iterator[str]:
    """The codes of all that it finds, errors and warnings alike, in the SQL and in the Python of a migration."""
    statements = linter.get_sql(migration.app_label, migration.name)
    for found in (
        analyse_sql_statements(linter.sql_analyser_class, statements, []),
        linter.analyse_data_migration(migration),
    ):
        yield from (issue.code for issues in found for issue in issues)


def test_nothing_in_a_migration_holds_up_or_breaks_a_site_at_work(linter: MigrationLinter) -> None:
    found = {str(migration): set(faults(linter, migration)) for migration in ours()}

    assert {name: codes for name, codes in found.items() if codes} == BEFORE_THE_FIRST_VERSION | ON_PURPOSE


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (migrations.RunSQL('ALTER TABLE "users_user" DROP COLUMN "language"', ""), "DROP_COLUMN"),
        (migrations.RunSQL('ALTER TABLE "users_user" ADD COLUMN "x" integer NOT NULL', ""), "NOT_NULL"),
        (migrations.RunSQL('CREATE INDEX "x" ON "users_user" ("language")', ""), "CREATE_INDEX"),
        (migrations.RunSQL("SELECT 1"), "RUNSQL_REVERSIBLE"),
    ],
)
def test_the_linter_would_find_it(linter: MigrationLinter, operation: migrations.RunSQL, code: str) -> None:
    """Else the test above proves nothing."""
    careless = type("Migration", (migrations.Migration,), {"operations": [operation]})
    migration = careless("0099_careless", "users")

    assert code in {issue.code for issues in linter.analyse_data_migration(migration) for issue in issues}


def test_each_app_has_one_newest_migration_and_no_two_race(db: None) -> None:
    assert MigrationLoader(connection).detect_conflicts() == {}


def in_pieces(found: list[migrations.Migration]) -> dict[str, set[type[Any]]]:
    """Those that are no transaction, with what they do besides making and removing indexes while others write."""
    harmless = {AddIndexConcurrently, RemoveIndexConcurrently}
    return {str(one): {type(operation) for operation in one.operations} - harmless for one in found if not one.atomic}


def test_what_is_no_transaction_only_makes_indexes_while_others_write() -> None:
    """`manage.py migrate` lets such a migration wait for a lock as long as it must, and can begin it again."""
    found = in_pieces(ours())

    assert "assignments.0008_orders_within_a_warehouse" in found
    assert {name: others for name, others in found.items() if others} == {}


def test_a_migration_in_pieces_that_did_more_would_be_found() -> None:
    """Else the test above proves nothing."""
    careless = type("Migration", (migrations.Migration,), {"atomic": False, "operations": [migrations.RunSQL("x")]})

    assert in_pieces([careless("0099_careless", "users")]) == {"users.0099_careless": {migrations.RunSQL}}
