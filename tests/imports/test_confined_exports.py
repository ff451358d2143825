"""Exports of a confined manager: rows of their warehouses, and of people in others no word about those."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client

from assignments.models import ManagedWarehouse
from config.spreadsheets.models import Export
from config.spreadsheets.resources import SheetResource
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, ask_for_export, build, exported
from tests.support.back_office.staff import signed_in
from tests.support.confinement import Site
from users.models import User
from users.models.audit_event import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(site: Site) -> Client:
    return signed_in(site.manager)


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_file_of_assignments_has_those_of_ones_own_warehouses(site: Site, office: Client) -> None:
    found = lines(exported(office, ASSIGNMENTS))
    assert [(row["email"], row["warehouse"]) for row in found] == [
        ("here.picker@example.test", "Own Hall"),
        ("both.picker@example.test", "Own Hall"),
    ]
    assert lines(exported(office, ASSIGNMENTS, query=f"warehouse__id__exact={site.other.pk}")) == []
    assert Export.objects.order_by("created_at").values_list("rows_total", flat=True)[0] == 2


def test_the_file_of_people_names_ones_own_warehouses_alone(site: Site, office: Client) -> None:
    found = {row["email"]: row["works_now_in"] for row in lines(exported(office, USERS))}
    assert found == {
        "here.picker@example.test": "Own Hall",
        "both.picker@example.test": "",
        "cora.confined@example.test": "",
    }
    rows = {row["email"]: row for row in lines(exported(office, USERS, query="sheet=warehouses"))}
    assert {name: (row["warehouses"], row["works_in"]) for name, row in rows.items()} == {
        "here.picker@example.test": ("Own Hall", "Own Hall"),
        "both.picker@example.test": ("Own Hall", ""),
        "cora.confined@example.test": ("", ""),
    }


def test_the_page_counts_the_rows_that_the_file_has(site: Site, office: Client) -> None:
    assert office.get(f"{ASSIGNMENTS}export/").context["number"] == 2
    assert office.get(f"{USERS}export/").context["number"] == 3


def test_a_job_that_begins_after_a_warehouse_was_taken_has_none_of_its_rows(site: Site, office: Client) -> None:
    job = ask_for_export(office, ASSIGNMENTS, kind="csv")
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    assert build(job).state == Export.State.READY
    assert lines(office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").content) == []


def test_a_job_stops_when_a_warehouse_is_taken_while_it_is_built(
    site: Site, office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches."""
    monkeypatch.setattr("config.spreadsheets.resources.BATCH_ROWS", 1)
    line = SheetResource._line
    written: list[int] = []

    def taking(resource: Any, row: Any) -> list[str]:
        if not written:
            ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
        written.append(row.pk)
        return line(resource, row)

    monkeypatch.setattr(SheetResource, "_line", taking)
    job = build(ask_for_export(office, ASSIGNMENTS, kind="csv"))
    assert (job.state, len(written)) == (Export.State.STOPPED, 1)
    assert office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").status_code == 404
    assert AuditEvent.objects.filter(tag="export_refused").count() == 1


def test_who_becomes_confined_before_the_job_begins_gets_ones_own_rows(site: Site, office: Client) -> None:
    User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    job = ask_for_export(office, ASSIGNMENTS, kind="csv")
    assert job.rows_total == 4
    User.objects.filter(pk=site.manager.pk).update(is_confined=True)
    build(job)
    assert len(lines(office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").content)) == 2


@pytest.mark.parametrize("loses", ["all but some", "one of two"])
def test_a_file_of_more_than_one_manages_now_is_missing(site: Site, office: Client, loses: str) -> None:
    """Until it is built again."""
    if loses == "all but some":
        User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    else:
        ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[])
    job = build(ask_for_export(office, ASSIGNMENTS, kind="csv"))
    assert len(lines(office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").content)) == 4
    if loses == "all but some":
        User.objects.filter(pk=site.manager.pk).update(is_confined=True)
    else:
        ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.other])
    for page in ("", "progress/", "file/"):
        assert office.get(f"{ASSIGNMENTS}export/{job.pk}/{page}").status_code == 404
    assert len(lines(exported(office, ASSIGNMENTS))) == 2
    User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    assert office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").status_code == 200


def test_a_file_of_a_warehouse_that_was_given_before_it_was_built_is_missing_once_that_is_taken(
    site: Site, office: Client
) -> None:
    job = ask_for_export(office, ASSIGNMENTS, kind="csv")
    ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[])
    build(job)
    path = f"{ASSIGNMENTS}export/{job.pk}/file/"
    assert b"Other Hall" in office.get(path).content
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.other])
    assert b"Other Hall" not in office.get(path).content


def test_more_warehouses_take_no_file_away(site: Site, office: Client) -> None:
    job = build(ask_for_export(office, ASSIGNMENTS, kind="csv"))
    ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[])
    assert len(lines(office.get(f"{ASSIGNMENTS}export/{job.pk}/file/").content)) == 2


def test_the_file_of_another_person_is_missing(site: Site, office: Client, as_ada: Client) -> None:
    job = build(ask_for_export(as_ada, ASSIGNMENTS, kind="csv"))
    for page in ("", "progress/", "file/"):
        assert office.get(f"{ASSIGNMENTS}export/{job.pk}/{page}").status_code == 404


def test_an_export_needs_its_rights_as_elsewhere(site: Site, office: Client) -> None:
    for path in (f"{USERS}export/?sheet=warehouses", f"{ASSIGNMENTS}export/", f"{USERS}export/"):
        assert office.get(path).status_code == 200
    site.manager.groups.set([])
    for path in (f"{USERS}export/?sheet=warehouses", f"{ASSIGNMENTS}export/", f"{USERS}export/"):
        assert office.get(path).status_code == 403
