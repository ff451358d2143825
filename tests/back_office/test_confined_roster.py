"""The roster of a confined manager: who was in their warehouses, and what people did there."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.back_office.missing_rows import assert_as_missing
from tests.support.back_office.staff import signed_in
from tests.support.cases import each
from tests.support.clock import Clock
from tests.support.confinement import Site
from users.models import User
from warehouses.models import Warehouse

ROSTER, PERSON = (f"/admin/assignments/warehouseuserassignment/roster/{path}" for path in ("", "person/"))
pytestmark = pytest.mark.django_db


@pytest.fixture
def office(site: Site) -> Client:
    return signed_in(site.manager)


def shown(client: Client, **query: Any) -> list[tuple[str, str]]:
    """First name and warehouse of each row."""
    answer = client.get(ROSTER, query)
    assert answer.context["form"].errors == {}
    return [(row.user.first_name, row.warehouse.name) for row in answer.context["rows"]]


def lines(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


def test_the_roster_of_all_is_that_of_ones_own_warehouses(site: Site, office: Client) -> None:
    assert shown(office) == [("Here", "Own Hall"), ("Both", "Own Hall")]
    page = office.get(ROSTER).content.decode()
    assert "All warehouses that you manage" in page
    assert "Only of the warehouses that you manage." in page
    User.objects.filter(pk=site.manager.pk).update(language="de_DE")
    page = office.get(ROSTER).content.decode()
    assert "Alle Lager, die Sie verwalten" in page
    assert "Nur aus den Lagern, die Sie verwalten." in page


def test_without_warehouses_the_roster_is_empty(site: Site, office: Client) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    assert shown(office) == []


def test_the_files_have_the_same_rows(site: Site, office: Client) -> None:
    of_all = lines(office.get(ROSTER, {"format": "csv"}))
    assert [row[:3] for row in of_all] == [
        ["here.picker@example.test", "Here Picker", "Own Hall"],
        ["both.picker@example.test", "Both Picker", "Own Hall"],
    ]
    of_person = lines(office.get(PERSON, {"person": str(site.both.pk), "format": "csv"}))
    assert {row[0] for row in of_person} == {"Own Hall"}


@each("text", [lambda one: one.pk, lambda one: one.name, lambda one: one.name[:-1]])
def test_a_warehouse_of_others_is_not_found(site: Site, office: Client, text: Any) -> None:
    answer = office.get(ROSTER, {"warehouse": str(text(site.other))})
    assert answer.context["form"].errors == {"warehouse": [f"No warehouse has the name or ID “{text(site.other)}”."]}
    assert_as_missing(lambda one: office.get(ROSTER, {"warehouse": one.uuid}), site.other)


def test_a_warehouse_that_was_deleted_is_not_found_either(site: Site, office: Client, as_ada: Client) -> None:
    gone = Warehouse.objects.create(name="Gone Hall")
    row = WarehouseUserAssignment.objects.create(user=site.elsewhere, warehouse=gone)
    ManagedWarehouse.objects.set_for(site.manager, add=[gone], remove=[])
    row.delete()
    key = gone.pk
    gone.remove()
    for text in ("Gone Hall", str(key)):
        assert "warehouse" in office.get(ROSTER, {"warehouse": text}).context["form"].errors
        assert as_ada.get(ROSTER, {"warehouse": text}).context["form"].errors == {}


@each("text", [lambda one: one.pk, lambda one: one.email, lambda one: one.first_name, lambda one: one.uuid])
def test_a_person_of_others_is_not_found(site: Site, office: Client, text: Any) -> None:
    for person in (site.elsewhere, site.nowhere):
        answer = office.get(PERSON, {"person": text(person)})
        missing = f"No person has the name, e-mail or ID “{text(person)}”."
        assert answer.context["form"].errors == {"person": [missing]}
    assert_as_missing(lambda one: office.get(PERSON, {"person": one.uuid}), site.elsewhere)


def test_of_a_person_in_both_it_tells_of_ones_own_warehouses(site: Site, office: Client) -> None:
    answer = office.get(PERSON, {"person": site.both.pk})
    assert {stay.warehouse.name for stay in answer.context["stays"]} == {"Own Hall"}
    assert "Other Hall" not in answer.content.decode()


def test_assignments_without_a_history_are_counted_in_ones_own_warehouses(site: Site, office: Client) -> None:
    events: Any = WarehouseUserAssignment
    answer = office.get(PERSON, {"person": site.both.pk})
    assert answer.context["unrecorded"] == 0
    table = events.pgh_event_model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [site.both.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    answer = office.get(PERSON, {"person": site.both.pk})
    assert answer.context["unrecorded"] == 1


def test_of_who_is_not_of_ones_warehouses_any_more_it_tells_the_name_only(
    clock: Clock, site: Site, office: Client
) -> None:
    clock.move(timedelta(hours=1))
    moment = clock.now
    clock.move(timedelta(hours=1))
    site.here_own.deassign()
    answer = office.get(ROSTER, {"warehouse": str(site.own.pk), "moment": moment.isoformat()})
    page = answer.content.decode()
    assert [row.user.get_full_name() for row in answer.context["rows"]] == ["Both Picker", "Here Picker"]
    assert "here.picker@example.test" not in page
    assert f"person/?person={site.here.pk}" not in page
    assert f"person/?person={site.both.pk}" in page
    file = office.get(ROSTER, {"moment": moment.isoformat(), "format": "csv"})
    assert [line[:2] for line in lines(file)] == [["", "Here Picker"], ["both.picker@example.test", "Both Picker"]]
