"""History: what PostgreSQL records by itself of every change, whoever makes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api
from users.models import User

Event: Any = WarehouseUserAssignment.pgh_event_model  # type: ignore[attr-defined]


def events(row: Any) -> list[tuple[str, Any]]:
    """Label and `is_active` of each recorded change of an assignment, oldest first."""
    return list(Event.objects.filter(pgh_obj_id=row.pk).order_by("pgh_id").values_list("pgh_label", "is_active"))


def test_every_change_of_an_assignment_is_recorded(pat_north: WarehouseUserAssignment) -> None:
    pk = pat_north.pk
    pat_north.activate()
    pat_north.deactivate()
    pat_north.delete()
    pat_north.pk = pk
    assert events(pat_north) == [("insert", False), ("update", True), ("update", False), ("delete", False)]


def test_a_change_through_the_api_names_the_person_path_and_request(
    as_pat: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    path = f"{ASSIGNMENTS}/{pat_north.uuid}"
    as_pat.patch(path, {"isActive": True}, **{"X-Request-Id": "handheld-9-0001"})
    context = Event.objects.get(pgh_obj_id=pat_north.pk, pgh_label="update").pgh_context
    assert context == {"user": pat.pk, "url": path, "client": "api", "request_id": "handheld-9-0001"}


def test_whoever_is_assigned_and_active_at_once_has_one_event(
    pat_north: WarehouseUserAssignment, assign: Any, river: Any
) -> None:
    pat_north.activate()
    pat_river = assign(pat_north.user, river, is_active=True)
    assert events(pat_river) == [("insert", True)]
    assert events(pat_north) == [("insert", False), ("update", True), ("update", False)]


def test_a_change_past_the_site_is_recorded_without_a_person(pat_north: WarehouseUserAssignment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE assignments_warehouseuserassignment SET is_active = true")
    assert events(pat_north) == [("insert", False), ("update", True)]
    assert Event.objects.latest("pgh_id").pgh_context is None


def test_what_changes_nothing_is_not_recorded(as_pat: Api, pat: Any, north: Any, pat_north: Any) -> None:
    north.save()
    pat.save()
    as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": False})
    assert events(pat_north) == [("insert", False)]
    for row in (north, pat):
        assert [event.pgh_label for event in row.events.all()] == ["insert"]


def test_a_password_is_in_no_history(pat: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT users_userevent::text FROM users_userevent")
        assert "argon2" not in str(cursor.fetchall())


def test_history_can_be_neither_changed_nor_deleted(pat_north: WarehouseUserAssignment) -> None:
    for write in (Event.objects.all().delete, lambda: Event.objects.update(is_active=True)):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            write()


def test_a_reason_given_in_the_back_office_is_kept(olive: User, north: Any, client: Client) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    assert client.post("/admin/login/", {"username": olive.email, "password": PASSWORD}).status_code == 302
    form = {"name": "North Dock 2", "is_active": "True", "note": "", "change_reason": "renamed by the city"}
    assert client.post(f"/admin/warehouses/warehouse/{north.pk}/change/", form).status_code == 302
    context = north.events.latest("pgh_id").pgh_context
    assert (context["user"], context["client"], context["reason"]) == (olive.pk, "back-office", "renamed by the city")
