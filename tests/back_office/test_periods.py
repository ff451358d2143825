"""Assignments with dates in the Back Office: given, changed, shown, filtered and counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate

from assignments.models import WarehouseUserAssignment
from config.back_office.periods import period_of
from config.database.periods import ALWAYS, Period
from tests.support.back_office.assign_page import UPDATED, rows, said
from tests.support.back_office.staff import NEW_PASSWORD
from tests.support.cases import each
from tests.support.waiting import past_midnight
from users.models import User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
LIST, PEOPLE, WAREHOUSES = (
    "/admin/assignments/warehouseuserassignment/",
    "/admin/users/user/",
    "/admin/warehouses/warehouse/",
)
OUTSIDE = "Nobody can work in a warehouse before their assignment begins or after it is over. Nothing was changed."


@pytest.fixture(autouse=True)
def _one_day() -> Iterator[None]:
    """Nothing is counted before, and no test runs over midnight."""
    past_midnight()
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def office(as_ada: Client) -> Client:
    return as_ada


def in_days(days: int) -> date:
    return localdate() + timedelta(days=days)


def days(first: int | None, last: int | None) -> dict[str, str]:
    """The two fields of a form: from so many days from now until so many."""
    given = {"from_day": first, "until_day": last}
    return {name: "" if day is None else f"{in_days(day):%Y-%m-%d}" for name, day in given.items()}


def period(first: int | None, last: int | None) -> Period:
    return period_of(None if first is None else in_days(first), None if last is None else in_days(last))


def put(row: Row, first: int | None, last: int | None) -> Row:
    """Gives it the period; whether it is active stays as it was stored."""
    starts_at, ends_at = period(first, last)
    Row.objects.filter(pk=row.pk).update(starts_at=starts_at, ends_at=ends_at)
    row.refresh_from_db()
    return row


def stored(**conditions: Any) -> dict[str, Period]:
    return {row.warehouse.name: row.period for row in Row.objects.filter(**conditions).select_related("warehouse")}


def words_of(day: int) -> str:
    return f"{in_days(day).day} {in_days(day):%b %Y}"


@pytest.fixture
def url(pat: User) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[pat.uuid])


@pytest.fixture
def people_url(north: Warehouse) -> str:
    return reverse("admin:assignments_assign_people", args=[north.uuid])


# --- The assign pages -------------------------------------------------------------------------------------------
def test_new_assignments_of_a_person_get_the_dates(
    office: Client, url: str, pat: User, pat_north: Row, river: Warehouse, mill: Warehouse
) -> None:
    answer = office.post(url, {"assign": f"{river.pk},{mill.pk}", **days(3, 16)})
    assert said(answer) == [f"{UPDATED} 2 assigned, 0 deassigned."]
    assert stored(user=pat) == {"North Dock": ALWAYS, "River Annex": period(3, 16), "Old Mill": period(3, 16)}


def test_new_people_of_a_warehouse_get_the_dates(office: Client, people_url: str, pat: User, sam: User) -> None:
    office.post(people_url, {"ticked": [pat.pk, sam.pk], **days(None, 16)})
    assert [row.period for row in Row.objects.all()] == [period(None, 16)] * 2


def test_faults_of_the_dates_are_told_and_nothing_is_assigned(
    office: Client, url: str, river: Warehouse, nothing_changes: Any
) -> None:
    with nothing_changes():
        wrong = office.post(url, {"assign": str(river.pk), "from_day": "soon", "until_day": "2026-13-01"})
        turned = office.post(url, {"assign": str(river.pk), **days(3, 2)})
    fault = "Enter a date, such as 2026-12-31."
    assert said(wrong) == [f"From: {fault} Until (inclusive): {fault}"]
    assert said(turned)[1:] == ["Until (inclusive): “Until” must not be before “From”."]
    assert turned["Location"] == url


def test_what_is_over_can_be_assigned_again(office: Client, url: str, pat: User, pat_north: Row) -> None:
    put(pat_north, -20, -1)
    (available,) = rows(office, url, side="available")["rows"]
    assert (available["title"], available["period"]) == ("North Dock", f"ended on {words_of(-1)}")
    assert rows(office, url, side="assigned")["total"] == 0
    answer = office.post(url, {"assign": str(pat_north.warehouse_id), **days(0, 6)})
    assert said(answer) == [f"{UPDATED} 1 assigned, 0 deassigned."]
    (assigned,) = rows(office, url, side="assigned")["rows"]
    assert (assigned["assignment"], assigned["period"].partition("(")[2]) == (pat_north.pk, "ends in 6 days)")
    assert stored(user=pat) == {"North Dock": period(0, 6)}


def test_whose_assignment_is_over_can_be_assigned_again(
    office: Client, people_url: str, pat_north: Row, sam_north: Row
) -> None:
    put(pat_north, None, -1)
    sides = {side: rows(office, people_url, side=side)["rows"] for side in ("available", "assigned")}
    assert {side: [row["title"] for row in found] for side, found in sides.items()} == {
        "available": ["pat.picker@example.test"],
        "assigned": ["sam.stacker@example.test"],
    }
    office.post(people_url, {"assign": str(pat_north.user_id)})
    assert period_now(pat_north) == ALWAYS


def period_now(row: Row) -> Period:
    row.refresh_from_db()
    return row.period


def test_both_sides_say_when_and_link_to_the_period(office: Client, url: str, pat_north: Row, pat_river: Row) -> None:
    put(pat_north, 3, None)
    found = {row["title"]: (row["period"], row["current"]) for row in rows(office, url, side="assigned")["rows"]}
    assert found == {
        "North Dock": (f"from {words_of(3)} (begins in 3 days)", False),
        "River Annex": ("", True),
    }
    page = office.get(f"{url}?side=assigned").content.decode()  # without scripts
    assert (
        f'href="{LIST}{pat_river.pk}/set_period/?_back={url.replace("/", "%2F")}%3Fside%3Dassigned">unlimited<' in page
    )
    assert page.count('type="radio" name="current"') == 2  # River Annex, and none


@each("how", ["of one", "of a new one", "on the person's page"])
def test_what_has_not_begun_cannot_be_made_the_current_warehouse(
    office: Client, url: str, pat_north: Row, pat_river: Row, mill: Warehouse, nothing_changes: Any, how: str
) -> None:
    pat_river.activate()
    put(pat_north, 3, None)
    north, back = str(pat_north.warehouse_id), f"{PEOPLE}{pat_north.user_id}/view/"
    form = {
        "of one": {"current": north},
        "of a new one": {"assign": str(mill.pk), "current": str(mill.pk), **days(1, None)},
        "on the person's page": {"current": north, "was_current": str(pat_river.warehouse_id), "_back": back},
    }[how]
    with nothing_changes():
        answer = office.post(url, form)
    assert said(answer)[-1] == OUTSIDE
    assert answer["Location"] == (back if "_back" in form else url)


# --- The period of one and of many ------------------------------------------------------------------------------
def test_the_period_of_one_is_changed_on_its_page(office: Client, pat_north: Row) -> None:
    pat_north.activate()
    put(pat_north, -3, 3)
    page = office.get(f"{LIST}{pat_north.pk}/set_period/", {"_back": "/admin/users/user/"})
    assert [page.context["form"][name].value() for name in ("from_day", "until_day")] == [in_days(-3), in_days(3)]
    assert "ends in 3 days" in page.content.decode()
    form = {"rows": page.context["rows"], "_back": page.context["back"], "change_reason": "the season"}
    answer = office.post(f"{LIST}set-period/", form | days(-3, 5))
    assert (said(answer), answer["Location"]) == (["The period of 1 assignment was changed."], "/admin/users/user/")
    assert period_now(pat_north) == period(-3, 5)
    assert pat_north.is_active
    assert pat_north.events.latest("pgh_id").pgh_context["reason"] == "the season"  # type: ignore[attr-defined]


def test_the_periods_of_many_are_set_at_once(office: Client, pat_north: Row, sam_north: Row, pat_river: Row) -> None:
    pat_north.activate()
    put(sam_north, None, 5)
    page = chosen(office, "set_period_chosen", pat_north, sam_north)
    assert page.context["form"]["until_day"].value() is None  # they differ
    assert "Pat Picker (pat.picker@example.test) → North Dock: unlimited" in page.content.decode()
    answer = office.post(f"{LIST}set-period/", {"rows": page.context["rows"], **days(2, 9)})
    assert said(answer) == ["The periods of 2 assignments were changed."]
    assert [period_now(row) for row in (pat_north, sam_north, pat_river)] == [period(2, 9), period(2, 9), ALWAYS]
    assert not pat_north.is_active  # it begins later


def chosen(browser: Client, action: str, *chosen: Row) -> Any:
    return browser.post(LIST, {"action": action, "_selected_action": [row.pk for row in chosen]})


def test_a_wrong_date_asks_again_and_changes_nothing(office: Client, pat_north: Row, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = office.post(f"{LIST}set-period/", {"rows": str(pat_north.pk), **days(3, 1)})
    assert answer.context["form"].errors == {"until_day": ["“Until” must not be before “From”."]}
    assert answer.context["rows"] == str(pat_north.pk)


def test_nobody_sets_the_period_of_whoever_is_no_warehouse_user(
    office: Client, pat_north: Row, sam_north: Row, nothing_changes: Any
) -> None:
    User.objects.filter(pk=sam_north.user_id).update(is_warehouse_user=False)
    with nothing_changes():
        answer = office.post(f"{LIST}set-period/", {"rows": f"{pat_north.pk},{sam_north.pk}", **days(3, 5)})
    assert said(answer) == ["One of these people is not a warehouse user any more. Nothing was changed."]


def test_activating_in_the_list_what_is_over_is_refused_in_words(
    office: Client, pat_north: Row, sam_north: Row, nothing_changes: Any
) -> None:
    put(pat_north, None, -1)
    with nothing_changes():
        assert said(chosen(office, "activate_chosen", pat_north, sam_north)) == [OUTSIDE]


# --- Many people, and hiring ------------------------------------------------------------------------------------
def test_warehouses_are_assigned_to_many_with_dates(
    office: Client, pat: User, sam: User, pat_north: Row, north: Warehouse
) -> None:
    put(pat_north, None, -1)
    form = {"people": f"{pat.pk},{sam.pk}", "warehouses": [north.pk]}
    wrong = office.post(f"{PEOPLE}bulk/assign-warehouses/", form | days(3, 2))
    assert "“Until” must not be before “From”." in wrong.content.decode()
    answer = office.post(f"{PEOPLE}bulk/assign-warehouses/", form | days(0, 13))
    assert said(answer) == ["2 users now have these warehouses. 2 new assignments."]
    assert [row.period for row in Row.objects.all()] == [period(0, 13)] * 2


SALLY = {
    "email": "sally.season@example.test",
    "first_name": "Sally",
    "last_name": "Season",
    "language": "en_US",
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
    "is_warehouse_user": "on",
}


def test_somebody_is_hired_with_dates(office: Client, north: Warehouse, river: Warehouse) -> None:
    form = SALLY | {"current": north.pk, "warehouses": [river.pk]}
    refused = office.post(f"{PEOPLE}add/", form | days(1, 9))
    assert refused.context["adminform"].form.errors == {
        "current": ["They cannot work there now: the period below is not now. Leave this empty."]
    }
    office.post(f"{PEOPLE}add/", form | days(0, 9))
    assert stored(user__email=SALLY["email"]) == {"North Dock": period(0, 9), "River Annex": period(0, 9)}
    assert Row.objects.get(is_active=True).warehouse == north


# --- Lists and pages --------------------------------------------------------------------------------------------
@pytest.fixture
def season(make_user: Any, assign: Any, north: Warehouse) -> dict[str, Row]:
    """Somebody for each state; each was made active, but the one whose assignment has not begun."""
    found = {}
    for name, bounds in {
        "always": (None, None),
        "over": (-9, -1),
        "soon": (-9, 7),
        "tomorrow": (None, 1),
        "later": (3, 40),
        "long": (0, 8),
    }.items():
        person = make_user(f"{name}.worker@example.test", is_warehouse_user=True)
        found[name] = put(assign(person, north, is_active=name != "later"), *bounds)
    return found


def listed(browser: Client, query: str) -> set[str]:
    found = browser.get(f"{LIST}?{query}").context["cl"].result_list
    return {row.user.first_name.lower() for row in found}


def test_the_list_is_filtered_by_the_period(office: Client, season: Any) -> None:
    now = {"always", "soon", "tomorrow", "long"}
    assert {name: listed(office, f"period={name}") for name in ("current", "later", "over", "ending", "not-over")} == {
        "current": now,
        "later": {"later"},
        "over": {"over"},
        "ending": {"soon", "tomorrow"},
        "not-over": now | {"later"},
    }
    assert listed(office, "period=nonsense") == set(season)
    assert (listed(office, "is_active__exact=1"), listed(office, "is_active__exact=0")) == (now, {"over", "later"})


def test_the_list_says_when_and_never_that_somebody_works_there_outside_of_it(office: Client, season: Any) -> None:
    cells = {}
    for row in re.findall(r"<tr.*?</tr>", office.get(LIST).content.decode(), re.DOTALL):
        if name := re.search(r'view/">(\w+) Worker</a>', row):
            works, told = (
                re.search(rf'class="field-{cell}.*?</td>', row, re.DOTALL) for cell in ("works_here", "period")
            )
            assert works
            assert told
            cells[name[1].lower()] = [" ".join(re.sub(r"<[^>]+>", " ", f"<{one[0]}").split()) for one in (works, told)]
    assert cells["over"][0] == f"Not now: ended on {words_of(-1)}"
    assert cells["over"][1].endswith(f"{words_of(-1)} (over)")
    assert [cells[name][0] for name in ("always", "soon", "later")] == ["Yes", "Yes", "No"]
    assert cells["tomorrow"][1] == f"until {words_of(1)} (ends tomorrow)"
    assert cells["soon"][1].endswith("(ends in 7 days)")
    assert cells["later"][1].endswith("(begins in 3 days)")
    assert "(" not in cells["long"][1]
    page = office.get(f"{LIST}{season['over'].pk}/change/").content.decode()
    assert f">Not now: ended on {words_of(-1)}<" in page
    assert f"{words_of(-1)} (over)" in page


def test_the_page_of_a_warehouse_has_those_who_work_there_first(office: Client, season: Any, north: Warehouse) -> None:
    page = office.get(f"{WAREHOUSES}{north.pk}/view/")
    assert [row.user.first_name.lower() for row in page.context["rows"]] == [
        "long", "tomorrow", "soon", "always", "later", "over",
    ]  # fmt: skip
    assert f"Not now: ended on {words_of(-1)}" in page.content.decode()
    assert [int(number) for number in re.findall(r'data-figure="(\d+)"', page.content.decode())] == [5, 4]


def test_the_page_of_a_person_offers_only_what_is_current(
    office: Client, pat: User, pat_north: Row, pat_river: Row, assign: Any, mill: Warehouse
) -> None:
    assign(pat, mill)
    put(pat_north, 3, None)
    pat_river.activate()
    put(pat_river, None, -1)
    page = office.get(f"{PEOPLE}{pat.pk}/view/")
    assert [row.warehouse.name for row in page.context["rows"]] == ["Old Mill", "North Dock", "River Annex"]
    choices = [str(label) for _key, label in page.context["current_form"].fields["current"].choices]
    assert choices == ["Old Mill", "Nowhere now"]
    assert page.context["current"] == "none"
    text = page.content.decode()
    assert f"Not now: ended on {words_of(-1)}" in text
    assert f"from {words_of(3)} (begins in 3 days)" in text


# --- Figures ----------------------------------------------------------------------------------------------------
def test_the_dashboard_counts_who_works_now_and_what_ends_soon(office: Client, season: Any, mill: Warehouse) -> None:
    User.objects.filter(first_name="Over").update(status=User.Status.BLOCKED)  # neither counts twice
    User.objects.filter(first_name="Long").update(status=User.Status.BLOCKED)
    page = office.get("/admin/")
    assert (page.context["working"], [place.people for place in page.context["places"]]) == (3, [3])
    assert page.context["ending"] == 2
    assert f'data-figure="2" href="{LIST}?period=ending"' in page.content.decode()


def test_whoever_has_only_assignments_that_are_over_has_no_warehouse(
    office: Client, season: Any, assign: Any, river: Warehouse
) -> None:
    def without() -> set[str]:
        found = office.get(PEOPLE, {"missing": "warehouse"}).context["cl"].result_list
        return {person.first_name.lower() for person in found}

    assert without() == {"over"}
    assert office.get("/admin/").context["idle"] == 1
    assign(season["over"].user, river)
    assert without() == set()
    put(Row.objects.get(warehouse=river), None, -3)
    put(season["soon"], None, -3)
    assert without() == {"over", "soon"}
    Row.objects.filter(warehouse=river).delete()
    put(season["over"], None, None)
    assert without() == {"soon"}
