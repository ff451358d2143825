"""The pages of the roster: who was where at a moment, and where one person was."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from assignments.models import WarehouseUserAssignment
from tests.support.back_office.staff import signed_in
from tests.support.clock import Clock
from users.models import User
from warehouses.models import Warehouse

ROSTER, PERSON = "admin:assignments_roster", "admin:assignments_roster_person"
ZONE = "Europe/Berlin"


@pytest.fixture
def history(
    clock: Clock, settings: Any, assign: Callable[..., Any], pat: User, sam: User, north: Any, river: Any
) -> Any:
    """Pat worked in North Dock for an hour from noon on, then in River Annex; Sam was assigned until 16 o'clock."""
    settings.TIME_ZONE = ZONE
    noon = datetime(2026, 11, 24, 12, tzinfo=ZoneInfo(ZONE))
    clock.move(noon - clock.now)
    assign(pat, north, is_active=True)
    assign(sam, north).set_period(ends_at=noon + timedelta(hours=4))
    clock.move(timedelta(hours=1))
    assign(pat, river, is_active=True)
    clock.move(timedelta(hours=1))
    WarehouseUserAssignment.objects.get(user=pat, warehouse=north).deassign()
    clock.move(timedelta(hours=4))
    return noon


def page(client: Client, route: str, **query: Any) -> Any:
    return client.get(f"{reverse(route)}?{urlencode(query)}")


def shown(answer: Any) -> list[tuple[str, str, str, str | None]]:
    """Person, warehouse, and the local hours of being assigned and of working."""
    assert answer.status_code == 200
    return [
        (row.user.first_name, row.warehouse.name, hours(row.assigned), row.worked and hours(row.worked))
        for row in answer.context["rows"]
    ]


def hours(spell: Any) -> str:
    since, until = (moment and f"{moment.astimezone(ZoneInfo(ZONE)):%H}" for moment in spell[:2])
    return f"{since}-{until or ''}"


def test_it_tells_who_was_there_since_when_and_until_when(as_ada: Client, history: Any, north: Warehouse) -> None:
    at_noon = page(as_ada, ROSTER, warehouse=north.name, moment="2026-11-24T12:30")
    assert shown(at_noon) == [("Pat", "North Dock", "12-14", "12-13"), ("Sam", "North Dock", "12-16", None)]
    assert shown(page(as_ada, ROSTER, warehouse=north.pk, moment="2026-11-24T14:00")) == [
        ("Sam", "North Dock", "12-16", None)
    ]
    assert shown(page(as_ada, ROSTER, warehouse=north.pk, moment="2026-11-24T16:00")) == []


def test_without_a_warehouse_it_tells_of_all_and_without_a_moment_of_now(as_ada: Client, history: Any) -> None:
    assert shown(page(as_ada, ROSTER)) == [("Pat", "River Annex", "13-", "13-")]


def test_a_moment_may_have_an_offset_as_links_have(as_ada: Client, history: Any, north: Warehouse) -> None:
    answer = page(as_ada, ROSTER, warehouse=north.pk, moment="2026-11-24T10:30:00-01:00")
    assert [row[0] for row in shown(answer)] == ["Pat", "Sam"]
    assert 'value="2026-11-24T12:30:00"' in answer.content.decode()


def test_a_person_is_followed_over_a_span(as_ada: Client, history: Any, pat: User) -> None:
    def told(**query: str) -> list[tuple[str, bool, str]]:
        stays = page(as_ada, PERSON, person=pat.email, **query).context["stays"]
        return [(stay.warehouse.name, stay.is_work, hours(stay.spell)) for stay in stays]

    north = [("North Dock", False, "12-14"), ("North Dock", True, "12-13")]
    river = [("River Annex", False, "13-"), ("River Annex", True, "13-")]
    assert told() == north + river
    assert told(since="2026-11-24T14:00", until="2026-11-24T15:00") == river
    assert told(since="2026-11-24T12:00", until="2026-11-24T13:00") == north
    assert told(since="2026-11-20T12:00", until="2026-11-24T12:00") == []


def test_who_was_deleted_is_still_told(as_ada: Client, history: Any, pat: User, north: Warehouse) -> None:
    User.objects.filter(pk=pat.pk).delete()
    north.remove(with_assignments=True)
    answer = page(as_ada, ROSTER, moment="2026-11-24T12:30")
    assert [row[:2] for row in shown(answer)] == [("Pat", "North Dock"), ("Sam", "North Dock")]


def test_moments_that_nothing_is_known_of_are_refused(as_ada: Client, history: Any) -> None:
    """The clock has 18:00 as the last moment; the history begins at noon."""
    errors = {
        "2026-11-24T18:00:01": "This moment has not come yet.",
        "2026-11-24T11:59:59": "The history begins on 11/24/2026 12:00. Who was assigned before is not known.",
        "yesterday": "Enter a date and a time, such as 2026-12-31 14:00.",
        "2026-02-30T12:00": "Enter a date and a time, such as 2026-12-31 14:00.",
        "0001-01-01T00:00+14:00": "Enter a date and a time, such as 2026-12-31 14:00.",
    }
    forms = {text: page(as_ada, ROSTER, moment=text).context["form"].errors for text in errors}
    assert {text: found.get("moment") for text, found in forms.items()} == {text: [why] for text, why in errors.items()}


def test_unknown_subjects_and_spans_that_end_before_they_begin_are_refused(
    as_ada: Client, history: Any, pat: User
) -> None:
    def errors(route: str, **query: Any) -> Any:
        return page(as_ada, route, **query).context["form"].errors

    assert errors(ROSTER, warehouse="Nowhere") == {"warehouse": ["No warehouse has the name or ID “Nowhere”."]}
    assert errors(PERSON, person="nobody") == {"person": ["No person has the name, e-mail or ID “nobody”."]}
    span = {"since": "2026-11-24T12:00", "until": "2026-11-24T12:00"}
    assert errors(PERSON, person=pat.pk, **span) == {"until": ["“Until” must be after “From”."]}


def test_files_have_the_rows_of_the_page(as_ada: Client, history: Any, north: Warehouse, pat: User) -> None:
    times = ["2026-11-24 12:00:00", "2026-11-24 14:00:00", "2026-11-24 12:00:00", "2026-11-24 13:00:00"]
    first = [pat.email, "Pat Picker", "North Dock", *times]
    answer = page(as_ada, ROSTER, warehouse=north.pk, moment="2026-11-24T12:30")
    files = answer.context["files"]
    lines = list(csv.reader(io.StringIO(as_ada.get(reverse(ROSTER) + files["csv"]).content.decode("utf-8-sig"))))
    assert [len(lines), lines[1]] == [3, first]
    workbook = load_workbook(io.BytesIO(as_ada.get(reverse(ROSTER) + files["xlsx"]).content))
    assert [cell.value for cell in list(workbook.active)[1]] == first
    of_person = page(as_ada, PERSON, person=pat.pk, format="csv").content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(of_person)))[2] == ["North Dock", "worked there", *times[2:]]


def test_whoever_may_not_see_people_sees_names_only(olive: User, history: Any, pat: User, north: Warehouse) -> None:
    olive.user_permissions.add(Permission.objects.get(codename="view_warehouseuserassignment"))
    reader = signed_in(olive)
    answer = page(reader, ROSTER, warehouse=north.pk, moment="2026-11-24T12:30")
    assert "Pat Picker" in answer.content.decode()
    assert "@example.test" not in answer.content.decode().replace(olive.email, "")
    refused = [page(reader, ROSTER, format="csv"), page(reader, PERSON), page(reader, PERSON, person=pat.pk)]
    assert [one.status_code for one in refused] == [403, 403, 403]


def test_without_the_right_to_see_assignments_there_is_no_roster(olive: User, history: Any) -> None:
    visitor = signed_in(olive)
    assert [page(visitor, route).status_code for route in (ROSTER, PERSON)] == [403, 403]


def test_pages_of_a_long_roster_keep_the_moment(
    as_ada: Client, history: Any, north: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assignments.roster.roster.roster_at.__kwdefaults__", {"after": 0, "limit": 1})
    first = page(as_ada, ROSTER, warehouse=north.pk, moment="2026-11-24T12:30")
    second = as_ada.get(reverse(ROSTER) + first.context["more_url"])
    assert [shown(first)[0][0], shown(second)[0][0]] == ["Pat", "Sam"]
    assert second.context["more_url"] is None
    assert shown(as_ada.get(reverse(ROSTER) + second.context["first_url"])) == shown(first)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    as_ada: Client, history: Any, north: Warehouse, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session and person; the history's span; warehouse, by three; assignments, events, people, warehouses, gaps."""
    url = {"warehouse": north.pk, "moment": "2026-11-24T12:30"}
    page(as_ada, ROSTER, **url)
    with django_assert_num_queries(11):
        page(as_ada, ROSTER, **url)


def test_people_and_warehouses_lead_to_it(as_ada: Client, history: Any, pat: User, north: Warehouse) -> None:
    person = as_ada.get(reverse("admin:users_user_view", args=[pat.pk])).content.decode()
    assert f'{reverse(PERSON)}?person={pat.pk}"' in person
    house = as_ada.get(reverse("admin:warehouses_warehouse_view_row", args=[north.pk])).content.decode()
    assert f'{reverse(ROSTER)}?warehouse={north.pk}"' in house
