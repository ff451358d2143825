"""The end of employment in a sheet: a last day, in and out, with the rules of the pages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.test import Client

from config.back_office.periods import beginning_of
from config.database.periods import database_now
from config.spreadsheets.models import Import
from tests.support.api.client import sign_in
from tests.support.back_office.sheets import USERS, apply, counts, exported, faults, upload
from tests.support.cases import each
from users.models import User

DAY = timedelta(days=1)
END = beginning_of(date(2999, 12, 31)) + DAY


def sheet(person: User, until: str, heading: str = "employed_until") -> str:
    return f"email,first_name,last_name,{heading}\n{person.email},{person.first_name},{person.last_name},{until}"


def stored(person: User) -> datetime | None:
    return User.objects.get(pk=person.pk).employed_until


def set_end(person: User, end: datetime) -> None:
    User.objects.filter(pk=person.pk).update(employed_until=end)


@each(("heading", "typed"), [("employed_until", "2999-12-31"), ("Beschäftigt bis", "31.12.2999")])
def test_a_sheet_sets_the_last_day_and_takes_it_away(heading: str, typed: str, admin: Client, pat: User) -> None:
    job = apply(admin, USERS, upload(admin, USERS, sheet(pat, typed, heading)))
    assert job.state == Import.State.APPLIED
    assert job.report["changed"] == [[2, pat.email, [["employed_until", "none", "2999-12-31"]]]]
    assert stored(pat) == END
    assert counts(upload(admin, USERS, sheet(pat, typed, heading))) == (0, 0, 1, 0)
    assert counts(upload(admin, USERS, sheet(pat, "", heading))) == (0, 0, 1, 0)
    apply(admin, USERS, upload(admin, USERS, sheet(pat, "none", heading)))
    assert stored(pat) is None
    assert counts(upload(admin, USERS, sheet(pat, "none", heading))) == (0, 0, 1, 0)


def test_an_export_comes_back_in_and_changes_nothing(admin: Client, pat: User) -> None:
    """Not even a moment within the day."""
    set_end(pat, END - DAY / 2)
    content = exported(admin, USERS)
    assert b"2999-12-31" in content
    assert counts(upload(admin, USERS, content)) == (0, 0, 2, 0)
    assert counts(upload(admin, USERS, sheet(pat, "2999-12-31"))) == (0, 0, 1, 0)
    assert stored(pat) == END - DAY / 2


@each(
    ("typed", "reason"),
    [
        ("soon", "“soon” is no date. Write it as 2026-12-31."),
        ("12/31/2026", "“12/31/2026” is no date. Write it as 2026-12-31."),
        ("1850-01-01", "“1850-01-01” is no date. Write it as 2026-12-31."),
    ],
)
def test_what_is_no_day_is_a_fault(typed: str, reason: str, admin: Client, pat: User, nothing_changes: Any) -> None:
    with nothing_changes():
        job = upload(admin, USERS, sheet(pat, typed))
    assert faults(job) == [(2, "employed_until", reason)]


def test_new_people_are_hired_for_a_season(admin: Client) -> None:
    content = "email,first_name,last_name,employed_until\nseason@example.test,Sea,Son,2999-12-31"
    apply(admin, USERS, upload(admin, USERS, content))
    assert User.objects.get(email="season@example.test").employed_until == END


def test_whoever_comes_back_by_a_sheet_signs_in_anew(admin: Client, pat: User) -> None:
    sign_in(pat.email)
    set_end(pat, database_now() - DAY)
    apply(admin, USERS, upload(admin, USERS, sheet(pat, "2999-12-31")))
    assert pat.sessions.get().end_reason == "employed again"


def test_nobody_sets_their_own_end(admin: Client, olive: User) -> None:
    job = upload(admin, USERS, sheet(olive, "2999-12-31"))
    assert faults(job) == [(2, "employed_until", "You cannot do this to yourself. Ask a colleague.")]


def test_an_administrator_without_an_end_must_remain(admin: Client, olive: User, make_user: Any) -> None:
    other = make_user("second.admin@example.test", is_superuser=True)
    set_end(olive, database_now() + DAY)
    job = apply(admin, USERS, upload(admin, USERS, sheet(other, "2999-12-31")))
    assert job.state != Import.State.APPLIED
    assert stored(other) is None
    assert "whose employment has no end" in str(job.report)
