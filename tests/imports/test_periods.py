"""Assignments with dates in sheets: given, changed, taken away, renewed and exported."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import localdate

from assignments.models import WarehouseUserAssignment
from config.back_office.periods import period_of
from config.database.periods import ALWAYS, Period
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, apply, counts, exported, faults, upload, xlsx
from tests.support.waiting import past_midnight
from users.models import User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
PAT, SAM = "pat.picker@example.test", "sam.stacker@example.test"


@pytest.fixture(autouse=True)
def _one_day() -> None:
    past_midnight()


def in_days(days: int | None) -> date | None:
    return None if days is None else localdate() + timedelta(days=days)


def period(first: int | None, last: int | None) -> Period:
    return period_of(in_days(first), in_days(last))


def put(row: Row, first: int | None, last: int | None) -> Row:
    """Gives it the period; whether it is active stays as it was stored."""
    starts_at, ends_at = period(first, last)
    Row.objects.filter(pk=row.pk).update(starts_at=starts_at, ends_at=ends_at)
    return row


def stored() -> dict[tuple[str, str], Period]:
    rows = Row.objects.select_related("user", "warehouse")
    return {(row.user.email, row.warehouse.name): row.period for row in rows}


def sheet(*lines: str, headings: str = "email,warehouse,active,from,until") -> str:
    return "\n".join([headings, *lines])


def imported(admin: Client, content: str | bytes, name: str = "people.csv") -> Any:
    """The report of a sheet that is applied."""
    job = upload(admin, ASSIGNMENTS, content, name)
    assert faults(job) == []
    assert apply(admin, ASSIGNMENTS, job).state == Import.State.APPLIED
    job.refresh_from_db()
    return job


def test_new_assignments_get_their_dates(admin: Client, pat: User, sam: User, north: Warehouse) -> None:
    job = imported(admin, sheet(f"{PAT},North Dock,yes,{in_days(0)},{in_days(6)}", f"{SAM},North Dock,,{in_days(3)},"))
    assert stored() == {(PAT, "North Dock"): period(0, 6), (SAM, "North Dock"): period(3, None)}
    assert job.report["created"][0][2] == {
        "email": PAT, "warehouse": "North Dock", "active": "yes", "from": f"{in_days(0)}", "until": f"{in_days(6)}",
    }  # fmt: skip
    assert Row.objects.get(is_active=True).user.email == PAT
    assert [row.events.count() for row in Row.objects.all()] == [1, 1]


@pytest.mark.parametrize("language", ["en", "de"])
def test_dates_are_read_as_programs_store_them_and_as_germans_write_them(
    admin: Client, pat: User, sam: User, north: Warehouse, language: str
) -> None:
    first, last = in_days(3), in_days(9)
    assert first
    assert last
    if language == "en":
        imported(admin, xlsx(["email", "warehouse", "from", "until"], [PAT, "North Dock", first, last]), "people.xlsx")
    else:
        line = f"{PAT};North Dock;{first:%d.%m.%Y};{last:%d.%m.%Y}"
        imported(admin, sheet(line, headings="E-Mail;Lager;von;bis"))
    assert stored() == {(PAT, "North Dock"): (period(3, 9))}


def test_dates_are_changed_and_an_empty_cell_changes_nothing(
    admin: Client, pat_north: Row, pat_river: Row, sam_north: Row
) -> None:
    for row in (pat_north, pat_river, sam_north):
        put(row, -3, 6)
    Row.objects.get(pk=pat_north.pk).activate()
    job = upload(
        admin,
        ASSIGNMENTS,
        sheet(
            f"{PAT},North Dock,,,{in_days(9)}",
            f"{PAT},River Annex,,unlimited,-",
            f"{SAM},North Dock,,,",
        ),
    )
    assert counts(job) == (0, 2, 1, 0)
    assert [one[2] for one in job.report["changed"]] == [
        [["until", f"{in_days(6)}", f"{in_days(9)}"]],
        [["from", f"{in_days(-3)}", "unlimited"], ["until", f"{in_days(6)}", "unlimited"]],
    ]
    apply(admin, ASSIGNMENTS, job)
    assert stored() == {
        (PAT, "North Dock"): period(-3, 9),
        (PAT, "River Annex"): ALWAYS,
        (SAM, "North Dock"): period(-3, 6),
    }
    assert Row.objects.get(is_active=True) == pat_north


def test_new_dates_leave_it_as_it_is_whether_somebody_works_there(admin: Client, pat_north: Row) -> None:
    pat_north.activate()
    User.objects.filter(pk=pat_north.user_id).update(status=User.Status.BLOCKED)
    imported(admin, sheet(f"{PAT},North Dock,,,{in_days(9)}"))
    assert Row.objects.get().is_active
    User.objects.filter(pk=pat_north.user_id).update(status=User.Status.ACTIVE)
    job = imported(admin, sheet(f"{PAT},North Dock,,{in_days(2)},"))
    assert job.report["changed"][0][2] == [["active", "yes", "no"], ["from", "unlimited", f"{in_days(2)}"]]
    assert not Row.objects.get().is_active


def test_a_period_and_the_place_change_in_one_row(admin: Client, pat_north: Row, pat_river: Row) -> None:
    pat_river.activate()
    put(pat_north, 3, 9)
    imported(admin, sheet(f"{PAT},North Dock,yes,{in_days(0)},"))
    assert Row.objects.get(is_active=True) == pat_north
    assert stored()[PAT, "North Dock"] == period(0, 9)


def test_what_is_over_is_renewed_by_a_row_without_a_last_day(
    admin: Client, pat_north: Row, sam_north: Row, pat_river: Row
) -> None:
    for row in (pat_north, sam_north, pat_river):
        put(row, -9, -1)
    job = imported(
        admin,
        sheet(
            f"{PAT},North Dock,yes,,",
            f"{SAM},North Dock,,{in_days(0)},{in_days(9)}",
            f"{PAT},River Annex,,,{in_days(-1)}",  # as it is
        ),
    )
    assert counts(job) == (0, 2, 1, 0)
    assert stored() == {
        (PAT, "North Dock"): ALWAYS,
        (SAM, "North Dock"): period(0, 9),
        (PAT, "River Annex"): period(-9, -1),
    }
    assert Row.objects.get(is_active=True) == pat_north


def test_faults_of_dates(
    admin: Client, pat_north: Row, pat_river: Row, sam: User, north: Warehouse, river: Warehouse, nothing_changes: Any
) -> None:
    put(pat_north, -9, 9)
    put(pat_river, 3, None)
    with nothing_changes():
        job = upload(
            admin,
            ASSIGNMENTS,
            sheet(
                f"{PAT},North Dock,,,{in_days(-10)}",
                f"{PAT},River Annex,yes,,",
                f"{SAM},North Dock,yes,{in_days(-9)},{in_days(-1)}",
                f"{SAM},River Annex,,soon,12/31/2026",
                f"{PAT},North Dock,,{in_days(10)},",
                f"{SAM},River Annex,,0001-01-01,9999-12-31",
            ),
        )
    no_date = "“%s” is no date. Write it as 2026-12-31."
    outside = "They cannot work there now: the assignment has not begun or is over."
    assert [fault for fault in faults(job) if not fault[2].startswith("The same as in row")] == [
        (2, "until", "“Until” must not be before “From”."),
        (3, "active", outside),
        (4, "active", outside),
        (5, "from", no_date % "soon"),
        (5, "until", no_date % "12/31/2026"),
        (6, "from", "“Until” must not be before “From”."),
        (7, "from", no_date % "0001-01-01"),
        (7, "until", no_date % "9999-12-31"),
    ]


def test_an_export_has_the_dates_and_comes_back_unchanged(admin: Client, pat_north: Row, sam_north: Row) -> None:
    put(pat_north, -9, -1)
    starts_at, ends_at = period(-3, 9)
    assert starts_at
    assert ends_at
    bounds = {"starts_at": starts_at + timedelta(hours=6), "ends_at": ends_at - timedelta(hours=6)}
    Row.objects.filter(pk=sam_north.pk).update(**bounds)
    before = stored()
    content = exported(admin, ASSIGNMENTS)
    lines = [line.split(",")[:5] for line in content.decode("utf-8-sig").splitlines()]
    assert lines == [
        ['"email"', '"warehouse"', '"active"', '"from"', '"until"'],
        [f'"{PAT}"', '"North Dock"', '"no"', f'"{in_days(-9)}"', f'"{in_days(-1)}"'],
        [f'"{SAM}"', '"North Dock"', '"no"', f'"{in_days(-3)}"', f'"{in_days(9)}"'],
    ]
    assert counts(upload(admin, ASSIGNMENTS, content)) == (0, 0, 2, 0)
    assert stored() == before


def test_the_sheet_of_people_renews_what_is_over_and_refuses_what_has_not_begun(
    admin: Client, pat_north: Row, pat_river: Row, sam_north: Row
) -> None:
    put(pat_north, -9, -1)
    put(pat_river, 3, None)
    put(sam_north, 3, None)
    headings = "email,first_name,last_name,warehouses,works_in"
    lines = f"{PAT},Pat,Picker,River Annex,North Dock", f"{SAM},Sam,Stacker,,North Dock"
    job = upload(admin, USERS, sheet(*lines, headings=headings), sheet="?sheet=warehouses")
    assert faults(job) == [(3, "works_in", "Their assignment to this warehouse has not begun yet.")]
    job = upload(admin, USERS, sheet(lines[0], headings=headings), sheet="?sheet=warehouses")
    assert apply(admin, USERS, job).state == Import.State.APPLIED
    assert (stored()[PAT, "North Dock"], stored()[PAT, "River Annex"]) == (ALWAYS, period(3, None))
    assert Row.objects.get(is_active=True) == pat_north


def test_an_export_of_people_has_no_warehouse_that_is_over(admin: Client, pat_north: Row, pat_river: Row) -> None:
    put(pat_north, None, -1)
    content = exported(admin, USERS, query="sheet=warehouses").decode()
    (line,) = [line for line in content.splitlines() if PAT in line]
    assert "River Annex" in line
    assert "North Dock" not in line
