"""Migrations are safe on a site that is at work: django-migration-linter looks at every one of ours."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.migration_linter import MigrationLinter
from django_migration_linter.sql_analyser import analyse_sql_statements

from tests.support.servers import first_release
from tests.support.servers.databases import installation, manage, new_database, rows
from users import roles
from users.models import SearchEntry, User

OURS = ("users", "warehouses", "assignments", "spreadsheets")

#: An index made on a full table holds up whoever writes there, not whoever reads, until it is made. Release 0.1.0 makes
#: those of its SQL on empty tables. A later one is made with AddIndexConcurrently, in a migration of its own
#: (`atomic = False`); only the unique index of warehouses' names is not: PostgreSQL makes it for some thousand rows in
#: milliseconds.
ON_PURPOSE = {
    "users.0001_initial": {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX"},
    "warehouses.0002_name_in_any_case": {"ADD_UNIQUE", "CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"},
}


@pytest.fixture
def linter(transactional_db: None) -> MigrationLinter:
    return MigrationLinter(no_cache=True, no_output=True, analyser_string="postgresql")


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


@pytest.mark.thorough
def test_nothing_in_a_migration_holds_up_or_breaks_a_site_at_work(linter: MigrationLinter) -> None:
    found = {str(migration): set(faults(linter, migration)) for migration in ours()}

    assert {name: codes for name, codes in found.items() if codes} == ON_PURPOSE


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


#: It fills a table that has no other use yet, some thousand rows in a transaction, and leaves alone what is there.
FILLED_IN_PIECES = {"users.0005_search_indexes": {migrations.RunSQL}}


def test_what_is_no_transaction_only_makes_indexes_while_others_write() -> None:
    """`manage.py migrate` lets such a migration wait for a lock as long as it must, and can begin it again."""
    assert {name: others for name, others in in_pieces(ours()).items() if others} == FILLED_IN_PIECES


def test_a_table_that_is_filled_in_pieces_is_filled_once_if_it_begins_again(pat: User) -> None:
    """Nobody is missing then, and nobody is there twice."""
    fill = import_module("users.migrations.0005_search_indexes").FILL.replace("COMMIT", "NULL")  # within the test's
    SearchEntry.objects.all().delete()
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(fill)
    assert [(entry.pk, entry.names) for entry in SearchEntry.objects.all()] == [(pat.pk, "pat picker")]


def test_a_migration_in_pieces_that_did_more_would_be_found() -> None:
    """Else the test above proves nothing."""
    index = AddIndexConcurrently("user", models.Index(fields=["id"], name="x"))
    operations = [index, migrations.RunSQL("x")]
    careless = type("Migration", (migrations.Migration,), {"atomic": False, "operations": operations})

    assert in_pieces([careless("0099_careless", "users")]) == {"users.0099_careless": {migrations.RunSQL}}


# --- What they are made of ----------------------------------------------------------------------------------------
def files() -> Iterator[Path]:
    for app in OURS:
        yield from (settings.BASE_DIR / app / "migrations").glob("[0-9]*.py")


def imported(source: str) -> Iterator[str]:
    """The modules that it imports, by whatever means. A relative import begins with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif getattr(node, "id", getattr(node, "attr", None)) in {"import_module", "import_string", "__import__"}:
            yield "."


def live_code(source: str) -> set[str]:
    """The packages that it imports and that change with the product: ours, and whatever is named at run time."""
    roots = {name.partition(".")[0] for name in imported(source)}
    return roots - {"django", "pghistory", "pgtrigger"} - sys.stdlib_module_names


def test_no_migration_imports_code_that_goes_on_changing() -> None:
    """What a migration did must not change with the code: its constants stand in it."""
    assert {str(path): live_code(path.read_text()) for path in files() if live_code(path.read_text())} == {}


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("from users import roles", "users"),
        ("import config.history.names", "config"),
        ("def forwards():\n    from config.spreadsheets.cells import clean", "config"),
        ("from . import helpers", ""),
        ("from importlib import import_module\nimport_module('users.roles')", ""),
    ],
)
def test_an_import_of_ours_would_be_found(line: str, package: str) -> None:
    """Else the test above proves nothing."""
    assert live_code(line) == {package}


def test_each_app_has_one_initial_migration_from_which_on_they_only_add() -> None:
    initial = [str(one) for one in ours() if one.initial]
    assert initial == sorted(f"{app}.0001_initial" for app in OURS)
    assert first_release.MIGRATIONS.items() <= {(one.app_label, one.name) for one in ours()}


def test_the_migrations_of_the_first_release_can_be_read_in_one_sitting() -> None:
    newest = first_release.MIGRATIONS
    lines = sum(len(path.read_text().splitlines()) for path in files() if path.stem <= newest[path.parts[-3]])
    assert lines <= 1_200


def test_the_roles_that_a_migration_makes_are_those_of_the_code() -> None:
    later = import_module("users.migrations.0015_site_manager")
    made = import_module("users.migrations.0002_roles_and_triggers").ROLES | {later.ROLE: later.RIGHTS}
    assert made == {
        role: {model: " ".join(actions) for model, actions in models_of_role.items()}
        for role, models_of_role in roles.ROLES.items()
    }


def test_a_new_site_has_these_roles_with_these_rights(db: None) -> None:
    for role in roles.ROLES:
        rights = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
        assert sorted(rights) == sorted(roles.codenames(role))


@pytest.fixture(scope="module")
def new_site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with new_database("new_site") as url, django_db_blocker.unblock():
        manage(installation(url), "migrate", "-v0")
        yield url


@pytest.mark.thorough
def test_the_history_of_a_new_site_has_the_names_of_the_roles_and_nothing_else(new_site: str) -> None:
    begun = rows(new_site, "SELECT pgh_label, name, pgh_context FROM users_roleevent ORDER BY name")
    others = rows(new_site, "SELECT count(*) FROM users_rolerightevent")
    assert begun == [("insert", role, None) for role in sorted(roles.ROLES)]
    assert others == [(0,)]


@pytest.mark.thorough
def test_all_of_it_can_be_taken_back(new_site: str, transactional_db: None) -> None:
    with new_database("taken_back", like="new_site") as url:
        for app in ("spreadsheets", "users", "warehouses"):  # assignments go with people
            manage(installation(url), "migrate", app, "zero", "-v0")
        tables = rows(url, "SELECT tablename FROM pg_tables WHERE tablename ~ '^(users|warehouses|assignments)_'")
    assert tables == []
