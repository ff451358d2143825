"""Importing assignments: made, switched and found in any spelling; the bulk write method behind it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from assignments.resources import related
from config.rule_errors import RuleError
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    apply,
    counts,
    faults,
    upload,
)
from users.models import User
from warehouses.models import Warehouse


def test_assignments_are_made_and_switched_and_the_place_left_is_shown(
    admin: Client, pat_north: WarehouseUserAssignment, pat: User, river: Warehouse, sam: User
) -> None:
    pat_north.activate()
    content = "email,warehouse,active\npat.picker@example.test,River Annex,yes\nsam.stacker@example.test,River Annex,\n"
    job = upload(admin, ASSIGNMENTS, content)
    assert counts(job) == (2, 0, 0, 0)
    assert job.report["created"][0][2] == {
        "email": pat.email,
        "warehouse": "River Annex",
        "active": "yes",
        "leaves": "North Dock",
    }
    assert apply(admin, ASSIGNMENTS, job).state == Import.State.APPLIED
    rows = WarehouseUserAssignment.objects.order_by("pk").values_list("user__email", "warehouse__name", "is_active")
    assert list(rows) == [
        (pat.email, "North Dock", False),
        (pat.email, "River Annex", True),
        (sam.email, "River Annex", False),
    ]


def test_faults_of_assignments(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse, olive: User, nothing_changes: Any
) -> None:
    content = "\n".join(
        [
            "email;warehouse;active",
            "nobody@example.test;North Dock;no",
            "pat.picker@example.test;Nowhere;no",
            "olive.office@example.test;North Dock;no",
            "pat.picker@example.test;North Dock;ja",
            "pat.picker@example.test;River Annex;ja",
            "pat.picker@example.test;River Annex;nein",
        ]
    )
    with nothing_changes():
        job = upload(admin, ASSIGNMENTS, content)
    assert faults(job) == [
        (2, "email", "There is no user with this e-mail. Check the spelling, or import users first."),
        (3, "warehouse", "There is no warehouse with this name. Check the spelling."),
        (4, "email", "This user is not a warehouse user, or is deleted. Make them a warehouse user first."),
        (6, "active", "A person works in one warehouse at a time, and row 5 says yes already."),
        (7, "warehouse", "The same as in row 6: keep only one of them."),
    ]


def test_swapping_two_places_of_a_person_in_one_file(
    admin: Client, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    content = "email,warehouse,active\npat.picker@example.test,River Annex,yes\npat.picker@example.test,North Dock,no\n"
    job = apply(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, content))
    assert job.state == Import.State.APPLIED
    assert list(WarehouseUserAssignment.objects.filter(is_active=True)) == [pat_river]


def test_a_warehouse_is_found_in_any_case(admin: Client, pat: User, north: Warehouse, river: Warehouse) -> None:
    content = "email,warehouse,active\npat.picker@example.test,NORTH dock,yes\npat.picker@example.test,river annex,no\n"
    job = apply(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, content))
    assert job.state == Import.State.APPLIED
    assert set(pat.assignments.values_list("warehouse", "is_active")) == {(north.pk, True), (river.pk, False)}


def test_whoever_is_assigned_and_works_there_at_once_has_one_event(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse, sam: User
) -> None:
    pat_north.activate()
    tracked: Any = WarehouseUserAssignment
    before = tracked.pgh_event_model.objects.count()
    content = (
        "email,warehouse,active\npat.picker@example.test,River Annex,yes\nsam.stacker@example.test,River Annex,yes\n"
    )
    assert apply(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, content)).state == Import.State.APPLIED

    events = tracked.pgh_event_model.objects.order_by("pgh_id")[before:]
    assert sorted((one.pgh_label, one.user_id, one.warehouse_id, one.is_active) for one in events) == sorted(
        [
            ("insert", pat_north.user_id, river.pk, True),
            ("insert", sam.pk, river.pk, True),
            ("update", pat_north.user_id, pat_north.warehouse_id, False),
        ]
    )
    assert set(WarehouseUserAssignment.objects.filter(is_active=True).values_list("activation", flat=True)) == {1}


def test_one_warehouse_in_two_spellings_is_the_same_row(admin: Client, pat: User, north: Warehouse) -> None:
    content = "email,warehouse,active\npat.picker@example.test,NORTH dock,no\npat.picker@example.test,North Dock,no\n"
    assert faults(upload(admin, ASSIGNMENTS, content)) == [
        (3, "warehouse", "The same as in row 2: keep only one of them."),
    ]


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("River Anex", "River Annex"),
        ("annex", "River Annex"),
        ("Annex, river", "River Annex"),
        ("dock", "North Dock"),
        ("Nrth Dock", "North Dock"),
        ("Koeln Sued", "Köln Süd"),
    ],
)
def test_an_unknown_warehouse_suggests_a_similar_one(
    admin: Client, pat: User, north: Warehouse, river: Warehouse, written: str, suggested: str
) -> None:
    for name in ("Köln Süd", "Old Dock of the northern harbour"):
        Warehouse.objects.create(name=name)
    job = upload(admin, ASSIGNMENTS, f'email,warehouse\n{pat.email},"{written}"')
    assert faults(job) == [(2, "warehouse", f"Did you mean “{suggested}”?")]


def test_similar_names_are_looked_up_for_a_limited_number_of_unknown_names(
    admin: Client, pat: User, river: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(related, "_MAX_SUGGESTIONS", 2)
    lines = [f"{pat.email},{name}" for name in ("Rixer", "Rivex", "Riverr", "Annx")]
    job = upload(admin, ASSIGNMENTS, "\n".join(["email,warehouse", *lines]))
    assert [reason for _row, _column, reason in faults(job)] == [
        "Did you mean “River Annex”?",
        "Did you mean “River Annex”?",
        "There is no warehouse with this name. Check the spelling.",
        "There is no warehouse with this name. Check the spelling.",
    ]


# --- The write method -------------------------------------------------------------------------------------------
def test_the_bulk_write_method_refuses_all_if_one_is_no_warehouse_user(
    pat: User, olive: User, north: Warehouse, nothing_changes: Any
) -> None:
    with nothing_changes(), pytest.raises(RuleError):
        WarehouseUserAssignment.objects.set_active([(pat.pk, north.pk, True), (olive.pk, north.pk, False)])


def test_the_bulk_write_method_writes_only_changes(
    pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    pat_north.refresh_from_db()
    wanted = [(pat.pk, pat_north.warehouse_id, True), (pat.pk, pat_river.warehouse_id, False)]
    WarehouseUserAssignment.objects.set_active(wanted)
    again = WarehouseUserAssignment.objects.get(pk=pat_north.pk)
    assert (again.activation, again.updated_at) == (pat_north.activation, pat_north.updated_at)
