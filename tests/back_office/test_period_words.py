"""Periods on pages: asked for as whole days in the site's time zone, and shown in words."""

# ruff: noqa: RUF001 (a period has an en dash between its days)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from config.back_office.periods import PeriodForm, hint, in_words, why_not_current, with_hint
from config.database.periods import ALWAYS, Period

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def _in_berlin() -> Any:
    with timezone.override(BERLIN):
        yield


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def asked(first: str, last: str, stored: Period = ALWAYS) -> Any:
    return PeriodForm({"from_day": first, "until_day": last}, stored=stored)


def period(first: str, last: str, stored: Period = ALWAYS) -> Period:
    form = asked(first, last, stored)
    assert form.is_valid(), form.errors
    found: Period = form.cleaned_data["period"]
    return found


# --- Asking -----------------------------------------------------------------------------------------------------
def test_the_last_day_is_included() -> None:
    assert period("2026-11-30", "2026-12-13") == (day("2026-11-30"), day("2026-12-14"))
    assert period("2026-11-30", "2026-11-30") == (day("2026-11-30"), day("2026-12-01"))
    assert period("2026-11-30", "") == (day("2026-11-30"), None)
    assert period("", "2026-12-13") == (None, day("2026-12-14"))
    assert period("", "") == ALWAYS


def test_a_day_has_23_or_25_hours_where_the_clock_is_changed() -> None:
    spring, autumn = period("2026-03-29", "2026-03-29"), period("2026-10-25", "2026-10-25")
    hours = [(one.ends_at - one.starts_at).total_seconds() / 3600 for one in (spring, autumn)]  # type: ignore[operator]
    assert hours == [23, 25]
    assert spring.starts_at == datetime(2026, 3, 28, 23, tzinfo=UTC)
    for one in (spring, autumn):
        form = PeriodForm(stored=one)
        assert form["from_day"].value() == form["until_day"].value()


def test_a_day_begins_later_where_summer_time_begins_at_midnight() -> None:
    with timezone.override(ZoneInfo("America/Asuncion")):
        stored = period("2024-10-06", "2024-10-06")
        assert stored.starts_at == datetime(2024, 10, 6, 4, tzinfo=UTC)
        assert in_words(stored) == "6 Oct 2024"
        assert str(PeriodForm(stored=stored)["from_day"].value()) == "2024-10-06"


def test_a_bound_keeps_its_clock_time_unless_its_day_is_changed() -> None:
    stored = Period(day("2026-11-30T14:30"), day("2026-12-13T22:00"))
    assert period("2026-11-30", "2026-12-13", stored) == stored
    assert period("2026-11-30", "2026-12-14", stored) == (stored.starts_at, day("2026-12-15"))
    assert period("", "", stored) == ALWAYS


@pytest.mark.parametrize(
    ("first", "last", "field", "message"),
    [
        ("2026-12-13", "2026-12-12", "until_day", "“Until” must not be before “From”."),
        ("2026-02-30", "", "from_day", "Enter a date, such as 2026-12-31."),
        ("soon", "", "from_day", "Enter a date, such as 2026-12-31."),
        ("", "0001-01-01", "until_day", "Enter a date between the years 1900 and 9998."),
        ("", "9999-12-31", "until_day", "Enter a date between the years 1900 and 9998."),
        ("1899-12-31", "", "from_day", "Enter a date between the years 1900 and 9998."),
        ("", "2026-12-13\0", "until_day", "Null characters are not allowed."),
    ],
)
def test_what_is_no_period_is_refused_in_words(first: str, last: str, field: str, message: str) -> None:
    form = asked(first, last)
    assert form.errors == {field: [message]} or "\0" in last
    assert field in form.errors


# --- Showing ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bounds", "english", "german"),
    [
        (("2026-11-30", None), "from 30 Nov 2026", "ab 30.11.2026"),
        ((None, "2026-12-14"), "until 13 Dec 2026", "bis 13.12.2026"),
        (("2026-11-30", "2026-12-14"), "30 Nov – 13 Dec 2026", "30.11. – 13.12.2026"),
        (("2026-12-28", "2027-01-04"), "28 Dec 2026 – 3 Jan 2027", "28.12.2026 – 03.01.2027"),
        (("2026-12-28", "2027-01-01"), "28 Dec – 31 Dec 2026", "28.12. – 31.12.2026"),
        (("2026-11-30", "2026-12-01"), "30 Nov 2026", "30.11.2026"),
        (
            ("2026-11-30T14:30", "2026-12-13T22:00"),
            "30 Nov 14:30 – 13 Dec 2026 22:00",
            "30.11. 14:30 – 13.12.2026 22:00",
        ),
        ((None, None), "", ""),
    ],
)
def test_a_period_in_words(bounds: Any, english: str, german: str) -> None:
    stored = Period(*(bound and day(bound).astimezone(UTC) for bound in bounds))
    assert in_words(stored) == english
    with translation.override("de"):
        assert in_words(stored) == german


@pytest.mark.parametrize(
    ("bounds", "english", "german"),
    [
        (("2026-11-27T10:00", None), "begins today", "beginnt heute"),
        (("2026-11-28", None), "begins tomorrow", "beginnt morgen"),
        (("2026-11-30", "2026-12-14"), "begins in 3 days", "beginnt in 3 Tagen"),
        (("2027-11-30", None), "", ""),
        (("2026-11-01", "2026-11-28"), "ends today", "endet heute"),
        (("2026-11-01", "2026-11-29"), "ends tomorrow", "endet morgen"),
        ((None, "2026-12-05"), "ends in 7 days", "endet in 7 Tagen"),
        ((None, "2026-12-06"), "", ""),
        ((None, "2026-11-27"), "ended on 26 Nov 2026", "endete am 26.11.2026"),
        ((None, "2026-11-27T08:00"), "ended on 27 Nov 2026 08:00", "endete am 27.11.2026 08:00"),
        ((None, None), "", ""),
    ],
)
def test_a_hint_says_what_comes_soon_or_is_over(bounds: Any, english: str, german: str) -> None:
    stored = Period(*(bound and day(bound).astimezone(UTC) for bound in bounds))
    assert hint(stored, NOW.astimezone(UTC)) == english
    with translation.override("de"):
        assert hint(stored, NOW) == german


def test_a_period_with_its_hint_and_why_it_is_not_now() -> None:
    coming, over = Period(day("2027-02-01"), None), Period(day("2026-11-01"), day("2026-11-27"))
    soon = Period(day("2026-11-30"), day("2026-12-14"))
    assert [with_hint(one, NOW) for one in (coming, over, soon, ALWAYS)] == [
        "from 1 Feb 2027",
        "1 Nov – 26 Nov 2026 (over)",
        "30 Nov – 13 Dec 2026 (begins in 3 days)",
        "",
    ]
    assert [why_not_current(one, NOW) for one in (coming, over)] == ["begins on 1 Feb 2027", "ended on 26 Nov 2026"]
