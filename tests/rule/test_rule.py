"""The rule: a person has at most one active assignment, by the write methods and by PostgreSQL's constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pghistory
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from assignments import errors
from assignments.models import WarehouseUserAssignment
from assignments.models.bulk_writes import AssignedCounts
from config.rule_errors import RuleError
from users.models import User
from warehouses.models import Warehouse

objects = WarehouseUserAssignment.objects


# --- Held by the database, whoever writes -----------------------------------------------------------------------
def violation(write: Callable[[], Any]) -> str:
    """The name of the constraint that a write breaks."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    return caught.value.__cause__.diag.constraint_name  # type: ignore[union-attr]


def test_the_database_refuses_a_second_active_row(pat: User, north: Warehouse, river: Warehouse) -> None:
    rows = [WarehouseUserAssignment(user=pat, warehouse=place, is_active=True) for place in (north, river)]
    assert violation(lambda: objects.bulk_create(rows)) == "assignment_one_active_per_user"


def test_the_database_refuses_a_second_row_of_a_pair(pat: User, north: Warehouse) -> None:
    rows = [WarehouseUserAssignment(user=pat, warehouse=north) for _ in range(2)]
    assert violation(lambda: objects.bulk_create(rows)) == "assignment_user_warehouse_unique"


def test_the_database_refuses_one_email_in_two_spellings(pat: User, make_user: Callable[..., User]) -> None:
    assert violation(lambda: make_user("PAT.Picker@example.test")) == "user_email_unique"


def test_the_database_refuses_an_unknown_status(pat: User) -> None:
    assert violation(lambda: User.objects.filter(pk=pat.pk).update(status="asleep")) == "user_status_known"


@pytest.mark.parametrize("name", ["", " ", " North", "North "])
def test_the_database_refuses_a_blank_or_untrimmed_warehouse_name(db: None, name: str) -> None:
    def insert() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO warehouses_warehouse (name) VALUES (%s)", [name])

    assert violation(insert) == "warehouse_name_trimmed_not_blank"


def test_the_database_refuses_two_warehouses_of_one_name(north: Warehouse) -> None:
    assert violation(lambda: Warehouse.objects.create(name=north.name)) == "warehouse_name_unique"


def test_the_database_keeps_a_warehouse_that_is_assigned(pat_north: WarehouseUserAssignment) -> None:
    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM warehouses_warehouse")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert "warehouse_id" in violation(drop)


# --- Write methods --------------------------------------------------------------------------------------------
def test_the_person_is_locked_before_anything_is_written(pat_north: WarehouseUserAssignment, river: Warehouse) -> None:
    for write in (
        lambda: objects.assign(user_uuid=str(pat_north.user.uuid), warehouse_uuid=str(river.uuid), is_active=True),
        pat_north.activate,
        pat_north.deactivate,
        lambda: objects.set_warehouses(pat_north.user, add=[], remove=[river]),
    ):
        with CaptureQueriesContext(connection) as queries:
            write()
        statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert "FOR NO KEY UPDATE" in statements[0]
        assert '"users_user"' in statements[0]


def test_set_warehouses_assigns_and_deassigns_in_one_go(
    pat: User, north: Warehouse, river: Warehouse, mill: Warehouse, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    assert objects.set_warehouses(pat, add=[north, river, mill], remove=[]) == AssignedCounts(assigned=2, deassigned=0)
    assert objects.set_warehouses(pat, add=[river], remove=[north, mill]) == AssignedCounts(assigned=0, deassigned=2)
    assert [(row.warehouse, row.is_active) for row in objects.filter(user=pat)] == [(river, False)]


def test_set_warehouses_touches_nobody_else(
    pat: User, north: Warehouse, river: Warehouse, sam_north: WarehouseUserAssignment
) -> None:
    sam_north.activate()
    objects.set_warehouses(pat, add=[river], remove=[north])
    sam_north.refresh_from_db()
    assert sam_north.is_active


def test_set_warehouses_is_for_warehouse_users(olive: User, north: Warehouse) -> None:
    with pytest.raises(RuleError) as refused:
        objects.set_warehouses(olive, add=[north], remove=[])
    assert refused.value.violations == (errors.USER_NOT_FOUND,)
    assert not objects.exists()


def test_one_who_is_no_warehouse_user_spoils_it_for_all(
    pat: User, olive: User, north: Warehouse, sam_north: WarehouseUserAssignment, nothing_changes: Any
) -> None:
    with nothing_changes(), pytest.raises(RuleError) as refused:
        objects.set_people(north, add=[pat, olive], remove=[sam_north.user])
    assert refused.value.violations == (errors.USER_NOT_FOUND,)


def test_many_are_written_with_as_many_statements_as_one(
    make_user: Callable[..., User], north: Warehouse, river: Warehouse
) -> None:
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(20)]
    gone = people[:2]
    objects.set_people(river, add=people, remove=[])
    with CaptureQueriesContext(connection) as queries:
        assert objects.set_people(north, add=people, remove=[]) == AssignedCounts(assigned=20, deassigned=0)
        assert objects.set_people(river, add=[], remove=gone) == AssignedCounts(assigned=0, deassigned=2)
        objects.set_active([(person.pk, north.pk, True) for person in people])
        objects.set_active([(person.pk, north.pk, False) for person in gone])
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    lock = "SELECT"
    assert statements == [lock, "INSERT", lock, "DELETE", *([lock, "UPDATE", "INSERT", "UPDATE", "SELECT"] * 2)]
    assert objects.filter(is_active=True, warehouse=north, activation=1).count() == 18


def test_bulk_writes_record_each_row_with_the_reason(pat: User, north: Warehouse, river: Warehouse) -> None:
    with pghistory.context(reason="the new season"):
        objects.set_warehouses(pat, add=[north, river], remove=[])
        objects.set_active([(pat.pk, river.pk, True)])
        objects.set_warehouses(pat, add=[], remove=[north])
    events = apps.get_model("assignments", "WarehouseUserAssignmentEvent").objects.order_by("pgh_id")
    told = [(event.pgh_label, event.warehouse_id, event.pgh_context["reason"]) for event in events]
    assert told == [
        ("insert", north.pk, "the new season"),
        ("insert", river.pk, "the new season"),
        ("update", river.pk, "the new season"),
        ("delete", north.pk, "the new season"),
    ]


def test_a_concurrently_deleted_row_cannot_be_activated(pat_north: WarehouseUserAssignment) -> None:
    objects.filter(pk=pat_north.pk).delete()
    for write in (pat_north.activate, pat_north.deactivate):
        with pytest.raises(RuleError) as refused:
            write()
        assert refused.value.violations == (errors.NOT_FOUND,)
