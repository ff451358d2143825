"""A row that SQL writes with the columns that have no default is the row that Python would have made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from django.utils import timezone

from users.models import User
from warehouses.models import Warehouse

OURS = ("users", "warehouses", "assignments", "spreadsheets")

#: What comes before a row of the table.
PERSON = """
INSERT INTO users_user (password, email, first_name, last_name)
VALUES ('!', 'pat.picker@example.test', 'Pat', 'Picker')
"""
WAREHOUSE = "INSERT INTO warehouses_warehouse (name) VALUES ('North Dock')"
SESSION = """
INSERT INTO users_session (user_id, client_id, expires_at, refresh_digest)
SELECT id, 'frontend', now(), 'a' FROM users_user
"""
COMPANY_ACCOUNT = """
INSERT INTO users_companyaccount (user_id, issuer, subject)
SELECT id, 'https://login.example.test', 'a' FROM users_user
"""
CLIENT = "INSERT INTO users_client (client_id, name) VALUES ('scanner', 'Scanner')"
ASSIGNMENT = """
INSERT INTO assignments_warehouseuserassignment (user_id, warehouse_id)
SELECT users_user.id, warehouses_warehouse.id FROM users_user, warehouses_warehouse
"""
IMPORT = """
INSERT INTO spreadsheets_import (kind, person_id, language, file_name, content, state)
SELECT 'users', id, 'en', 'people.csv', 'x', 'checking' FROM users_user
"""

#: Model → the statements that make a row of it, the last with the columns that have no default, and no others.
WRITTEN: dict[str, tuple[str, ...]] = {
    "users.user": (PERSON,),
    "users.session": (PERSON, SESSION),
    "users.client": (CLIENT,),
    "users.authorizationcode": (
        PERSON,
        "INSERT INTO users_authorizationcode (digest, user_id, proof, client_id, challenge, expires_at) "
        "SELECT 'a', id, 'b', 'frontend', 'c', now() FROM users_user",
    ),
    "users.savedsearch": (
        PERSON,
        "INSERT INTO users_savedsearch (user_id, name, kind, query) "
        "SELECT id, 'Mine', 'users.user', '' FROM users_user",
    ),
    "users.companyaccount": (PERSON, COMPANY_ACCOUNT),
    "users.companysession": (
        PERSON,
        COMPANY_ACCOUNT,
        "INSERT INTO users_companysession (account_id) SELECT id FROM users_companyaccount",
    ),
    "users.directoryentry": (
        PERSON,
        "INSERT INTO users_directoryentry (user_id, user_name) SELECT id, 'jo' FROM users_user",
    ),
    "users.clientrole": (
        CLIENT,
        "INSERT INTO auth_group (name) VALUES ('Crew')",
        "INSERT INTO users_clientrole (client_id, role_id) "
        "SELECT users_client.id, auth_group.id FROM users_client, auth_group WHERE auth_group.name = 'Crew'",
    ),
    "users.logouttoken": ("INSERT INTO users_logouttoken (digest) VALUES ('a')",),
    "users.signingkey": (
        "INSERT INTO users_signingkey (kid, encrypted, created_at, signs_from, verifies_until) "
        "VALUES ('a', 'b', now(), now(), now())",
    ),
    "users.auditevent": ("INSERT INTO users_auditevent (at, event, tag, level) VALUES (now(), 'a', 'b', 'info')",),
    "warehouses.warehouse": (WAREHOUSE,),
    "assignments.warehouseuserassignment": (PERSON, WAREHOUSE, ASSIGNMENT),
    "assignments.warehousegrant": (
        PERSON,
        WAREHOUSE,
        SESSION,
        ASSIGNMENT,
        "INSERT INTO assignments_warehousegrant (session_id, assignment_id, activation, expires_at, refresh_digest) "
        "SELECT users_session.id, assignments_warehouseuserassignment.id, 1, now(), 'a' "
        "FROM users_session, assignments_warehouseuserassignment",
    ),
    "assignments.managedwarehouse": (
        PERSON,
        WAREHOUSE,
        "INSERT INTO assignments_managedwarehouse (user_id, warehouse_id) "
        "SELECT users_user.id, warehouses_warehouse.id FROM users_user, warehouses_warehouse",
    ),
    "spreadsheets.import": (PERSON, IMPORT),
    "spreadsheets.export": (
        PERSON,
        "INSERT INTO spreadsheets_export (kind, person_id, language, file_name, content, state, query) "
        "SELECT 'users.user', id, 'en', 'people.xlsx', 'x', 'building', '' FROM users_user",
    ),
    "spreadsheets.undo": (
        PERSON,
        "INSERT INTO spreadsheets_undo (kind, person_id, language, file_name, content, state, operation) "
        "SELECT '', id, 'en', '', '', 'planning', '2026-11-29T10:00:00+00:00~a' FROM users_user",
    ),
    "spreadsheets.faultpage": (
        PERSON,
        IMPORT,
        "INSERT INTO spreadsheets_faultpage (job_id, number, faults) SELECT id, 1, '[]' FROM spreadsheets_import",
    ),
}


def tables() -> Iterator[type[models.Model]]:
    """Our models with a table of their own, but for those that only triggers write."""
    for model in apps.get_models():
        options = model._meta
        is_own = options.managed and not options.proxy and not options.parents
        if options.app_label in OURS and is_own and not hasattr(model, "pgh_obj"):
            yield model


def has_default(field: Any) -> bool:
    """Whether a row that Python makes has a value in this column though nobody gave one."""
    times = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return bool(field.has_default() or times or (field.blank and not field.null and field.empty_strings_allowed))


def test_every_column_with_a_default_in_python_has_one_in_the_database() -> None:
    without = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.local_concrete_fields
        if has_default(field) and not field.has_db_default() and not field.name.startswith("pgh_")
        if not field.generated and not field.primary_key
    ]
    assert without == []


def test_an_instance_has_its_values_before_it_is_saved() -> None:
    """`DatabaseDefault` is no value: only times that PostgreSQL notes are known when the row is there."""
    unknown = {
        f"{model._meta.label}.{field.name}"
        for model in tables()
        for field in model._meta.local_concrete_fields
        if isinstance(getattr(model(), field.attname, None), DatabaseDefault)
    }
    assert {name.rpartition(".")[2] for name in unknown} <= {"created_at", "updated_at"}


#: Its rows are written by a trigger.
KEPT = {"users.searchentry"}


def test_every_table_is_written_here() -> None:
    assert {model._meta.label_lower for model in tables()} == set(WRITTEN) | KEPT


@pytest.mark.parametrize("label", WRITTEN)
def test_sql_that_leaves_out_what_has_a_default_writes_the_row_that_python_would(db: None, label: str) -> None:
    rows = apps.get_model(label)._default_manager.all()
    before = list(rows.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        for statement in WRITTEN[label]:
            cursor.execute(statement)

    row = rows.exclude(pk__in=before).get()

    for field in row._meta.local_concrete_fields:
        if has_default(field) and not field.generated and not isinstance(field, models.AutoField):
            assert_same(getattr(row, field.attname), field)


def assert_same(value: Any, field: Any) -> None:
    """As the default in Python: equal, or one of its kind where each is another."""
    if isinstance(field, models.UUIDField):
        assert isinstance(value, UUID)
        assert value.version == 4
    elif isinstance(field, models.DateTimeField):
        assert isinstance(value, datetime)
        assert abs(timezone.now() - value) < timedelta(minutes=5)
    else:
        assert value == field.get_default(), field.name


@pytest.mark.parametrize("label", WRITTEN)
def test_the_statements_name_exactly_the_columns_without_a_default(db: None, label: str) -> None:
    """Else the test above proves less than it says. There is one newest key already: this one is none."""
    named = WRITTEN[label][-1].partition("(")[2].partition(")")[0].split(", ")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO' "
            "AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'",
            [apps.get_model(label)._meta.db_table],
        )
        needed = {name for (name,) in cursor.fetchall()}
    assert set(named) - {"verifies_until"} == needed


def test_two_rows_of_sql_have_two_uuids(db: None) -> None:
    with connection.cursor() as cursor:
        for number in range(2):
            cursor.execute(PERSON.replace("pat.picker", f"person.{number}"))
            cursor.execute(WAREHOUSE.replace("North", f"{number}"))
    for model in (User, Warehouse):
        assert len(set(model.objects.values_list("uuid", flat=True))) == 2
