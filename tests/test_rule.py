"""The rule at the heart: a warehouse user stands in at most one warehouse. PostgreSQL holds it, the doors keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pghistory
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from assignments import errors
from assignments.models import WarehouseUserAssignment
from assignments.models.assignment import AssignedCounts
from config.rule_errors import RuleError
from tests.client import ASSIGNMENTS, Api, sign_in
from users.models import User
from warehouses.models import Warehouse

doors = WarehouseUserAssignment.objects


# --- Held by the database, whoever writes -----------------------------------------------------------------------
def violation(write: Callable[[], Any]) -> str:
    """The name of the constraint that a write breaks."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    return caught.value.__cause__.diag.constraint_name  # type: ignore[union-attr]


def test_the_database_refuses_a_second_active_row(pat: User, north: Warehouse, river: Warehouse) -> None:
    rows = [WarehouseUserAssignment(user=pat, warehouse=place, is_active=True) for place in (north, river)]
    assert violation(lambda: doors.bulk_create(rows)) == "assignment_one_active_per_user"


def test_the_database_refuses_a_second_row_of_a_pair(pat: User, north: Warehouse) -> None:
    rows = [WarehouseUserAssignment(user=pat, warehouse=north) for _ in range(2)]
    assert violation(lambda: doors.bulk_create(rows)) == "assignment_user_warehouse_unique"


def test_the_database_refuses_one_email_in_two_spellings(pat: User, make_user: Callable[..., User]) -> None:
    assert violation(lambda: make_user("PAT.Picker@example.test")) == "user_email_unique"


def test_the_database_refuses_an_unknown_status(pat: User) -> None:
    assert violation(lambda: User.objects.filter(pk=pat.pk).update(status="asleep")) == "user_status_known"


@pytest.mark.parametrize("name", ["", " ", " North", "North "])
def test_the_database_refuses_a_blank_or_untrimmed_warehouse_name(db: None, name: str) -> None:
    assert violation(lambda: Warehouse.objects.create(name=name)) == "warehouse_name_trimmed_not_blank"


def test_the_database_refuses_two_warehouses_of_one_name(north: Warehouse) -> None:
    assert violation(lambda: Warehouse.objects.create(name=north.name)) == "warehouse_name_unique"


def test_the_database_keeps_a_warehouse_that_is_assigned(pat_north: WarehouseUserAssignment) -> None:
    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM warehouses_warehouse")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert "warehouse_id" in violation(drop)


# --- The doors --------------------------------------------------------------------------------------------------
def test_the_person_is_locked_before_anything_is_written(pat_north: WarehouseUserAssignment, river: Warehouse) -> None:
    for door in (
        lambda: doors.assign(user_uuid=str(pat_north.user.uuid), warehouse_uuid=str(river.uuid), is_active=True),
        pat_north.activate,
        pat_north.deactivate,
        lambda: doors.set_warehouses(pat_north.user, add=[], remove=[river]),
    ):
        with CaptureQueriesContext(connection) as queries:
            door()
        statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert "FOR NO KEY UPDATE" in statements[0]
        assert '"users_user"' in statements[0]


def test_set_warehouses_assigns_and_deassigns_in_one_go(
    pat: User, north: Warehouse, river: Warehouse, mill: Warehouse, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    assert doors.set_warehouses(pat, add=[north, river, mill], remove=[]) == AssignedCounts(assigned=2, deassigned=0)
    assert doors.set_warehouses(pat, add=[river], remove=[north, mill]) == AssignedCounts(assigned=0, deassigned=2)
    assert [(row.warehouse, row.is_active) for row in doors.filter(user=pat)] == [(river, False)]


def test_set_warehouses_touches_nobody_else(
    pat: User, north: Warehouse, river: Warehouse, sam_north: WarehouseUserAssignment
) -> None:
    sam_north.activate()
    doors.set_warehouses(pat, add=[river], remove=[north])
    sam_north.refresh_from_db()
    assert sam_north.is_active


def test_set_warehouses_is_for_warehouse_users(olive: User, north: Warehouse) -> None:
    with pytest.raises(RuleError) as refused:
        doors.set_warehouses(olive, add=[north], remove=[])
    assert refused.value.violations == (errors.USER_NOT_FOUND,)
    assert not doors.exists()


def test_one_who_is_no_warehouse_user_spoils_it_for_all(
    pat: User, olive: User, north: Warehouse, sam_north: WarehouseUserAssignment, nothing_changes: Any
) -> None:
    with nothing_changes(), pytest.raises(RuleError) as refused:
        doors.set_people(north, add=[pat, olive], remove=[sam_north.user])
    assert refused.value.violations == (errors.USER_NOT_FOUND,)


def test_many_are_written_with_as_many_statements_as_one(
    make_user: Callable[..., User], north: Warehouse, river: Warehouse
) -> None:
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(20)]
    gone = people[:2]
    doors.set_people(river, add=people, remove=[])
    with CaptureQueriesContext(connection) as queries:
        assert doors.set_people(north, add=people, remove=[]) == AssignedCounts(assigned=20, deassigned=0)
        assert doors.set_people(river, add=[], remove=gone) == AssignedCounts(assigned=0, deassigned=2)
        doors.set_many([(person.pk, north.pk, True) for person in people])
        doors.set_many([(person.pk, north.pk, False) for person in gone])
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    lock = "SELECT"
    assert statements == [lock, "INSERT", lock, "DELETE", *([lock, "INSERT", "UPDATE", "UPDATE"] * 2)]
    assert doors.filter(is_active=True, warehouse=north, activation=1).count() == 18


def test_many_doors_tell_history_each_row_with_the_reason(pat: User, north: Warehouse, river: Warehouse) -> None:
    with pghistory.context(reason="the new season"):
        doors.set_warehouses(pat, add=[north, river], remove=[])
        doors.set_many([(pat.pk, river.pk, True)])
        doors.set_warehouses(pat, add=[], remove=[north])
    events = apps.get_model("assignments", "WarehouseUserAssignmentEvent").objects.order_by("pgh_id")
    told = [(event.pgh_label, event.warehouse_id, event.pgh_context["reason"]) for event in events]
    assert told == [
        ("insert", north.pk, "the new season"),
        ("insert", river.pk, "the new season"),
        ("update", river.pk, "the new season"),
        ("delete", north.pk, "the new season"),
    ]


def test_a_row_deleted_meanwhile_cannot_be_activated(pat_north: WarehouseUserAssignment) -> None:
    doors.filter(pk=pat_north.pk).delete()
    for door in (pat_north.activate, pat_north.deactivate):
        with pytest.raises(RuleError) as refused:
            door()
        assert refused.value.violations == (errors.NOT_FOUND,)


# --- Any sequence of anything -----------------------------------------------------------------------------------
PEOPLE, PLACES = 3, 4
people, places = st.integers(0, PEOPLE - 1), st.integers(0, PLACES - 1)


class AnySequence(RuleBasedStateMachine):
    """Several people assign, switch and deassign in any order; a dictionary says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.undone_afterwards = transaction.atomic()
        self.undone_afterwards.__enter__()
        olive = User.objects.create_user("olive.office@example.test", "correct-Horse-7!")
        self.api = Api(sign_in(olive.email)["access_token"])
        self.people = [
            User.objects.create(email=f"p{n}@example.test", first_name="P", last_name=str(n), is_warehouse_user=True)
            for n in range(PEOPLE)
        ]
        self.places = [Warehouse.objects.create(name=f"W{n}") for n in range(PLACES)]
        self.expected: dict[tuple[int, int], bool] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone_afterwards.__exit__(None, None, None)

    def row(self, person: int, place: int) -> WarehouseUserAssignment | None:
        return doors.filter(user=self.people[person], warehouse=self.places[place]).first()

    def expect_active(self, person: int, place: int) -> None:
        self.expected.update({pair: False for pair in self.expected if pair[0] == person})
        self.expected[person, place] = True

    @rule(person=people, place=places, is_active=st.booleans())
    def assign(self, person: int, place: int, is_active: bool) -> None:
        wanted = {
            "userUuid": str(self.people[person].uuid),
            "warehouse": {"uuid": str(self.places[place].uuid)},
            "isActive": is_active,
        }
        expected_status = 400 if (person, place) in self.expected else 201
        assert self.api.post(ASSIGNMENTS, wanted).status_code == expected_status
        if expected_status == 201:
            self.expected[person, place] = False
            if is_active:
                self.expect_active(person, place)

    @rule(person=people, place=places, is_active=st.booleans())
    def switch(self, person: int, place: int, is_active: bool) -> None:
        row = self.row(person, place)
        if row is None:
            return
        assert self.api.patch(f"{ASSIGNMENTS}/{row.uuid}", {"isActive": is_active}).status_code == 200
        if is_active:
            self.expect_active(person, place)
        else:
            self.expected[person, place] = False

    @rule(person=people, add=st.sets(places), remove=st.sets(places))
    def set_warehouses(self, person: int, add: set[int], remove: set[int]) -> None:
        doors.set_warehouses(
            self.people[person], add=[self.places[n] for n in add], remove=[self.places[n] for n in remove]
        )
        self.expected = {pair: on for pair, on in self.expected.items() if pair[0] != person or pair[1] not in remove}
        for place in add:
            self.expected.setdefault((person, place), False)

    @rule(person=people, place=places)
    def deassign(self, person: int, place: int) -> None:
        row = self.row(person, place)
        if row is not None:
            assert self.api.delete(f"{ASSIGNMENTS}/{row.uuid}").status_code == 204
            del self.expected[person, place]

    @invariant()
    def nobody_stands_in_two_places(self) -> None:
        active = [person for (person, _), is_active in self.expected.items() if is_active]
        assert len(active) == len(set(active))

    @invariant()
    def api_database_and_expectation_agree(self) -> None:
        def key(person_uuid: Any, place_uuid: Any) -> tuple[str, str]:
            return str(person_uuid), str(place_uuid)

        expected = {
            key(self.people[person].uuid, self.places[place].uuid): is_active
            for (person, place), is_active in self.expected.items()
        }
        stored = {key(*row[:2]): row[2] for row in doors.values_list("user__uuid", "warehouse__uuid", "is_active")}
        shown = {
            key(row["attributes"]["userUuid"], row["attributes"]["warehouse"]["uuid"]): row["attributes"]["isActive"]
            for row in self.api.get(ASSIGNMENTS).json()["data"]
        }
        assert stored == shown == expected


def test_any_sequence_leaves_at_most_one_active_row_each(db: None) -> None:
    examples = settings(max_examples=40, stateful_step_count=30, deadline=None, print_blob=True)
    run_state_machine_as_test(AnySequence, settings=settings(examples, suppress_health_check=list(HealthCheck)))
