"""Whoever cannot work now is nowhere "now"; their assignments are kept, and shown as theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api
from tests.support.back_office.assign_page import rows
from tests.support.back_office.sheets import exported, upload
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/assignments/warehouseuserassignment/"
PEOPLE = "/admin/users/user/"
WAREHOUSES = "/admin/warehouses/warehouse/"


@pytest.fixture(autouse=True)
def nothing_counted_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture(params=["blocked", "deleted", "office", "unavailable"])
def idle(
    request: pytest.FixtureRequest, pat_north: WarehouseUserAssignment, sam_north: WarehouseUserAssignment, river: Any
) -> str:
    """Why Pat works nowhere now, though his assignment is active. Sam works in another warehouse."""
    pat_north.activate()
    why = str(request.param)
    if why == "unavailable":
        Warehouse.objects.filter(pk=pat_north.warehouse_id).update(is_active=False)
    elif why == "office":
        User.objects.filter(pk=pat_north.user_id).update(is_warehouse_user=False)
    else:
        User.objects.filter(pk=pat_north.user_id).update(status=why)
    return why


@pytest.fixture
def somebody(sam: User, river: Warehouse, assign: Callable[..., Any]) -> WarehouseUserAssignment:
    return assign(sam, river, is_active=True)


def test_the_dashboard_and_the_warehouse_do_not_count_them(
    office: Client, idle: str, somebody: Any, north: Warehouse
) -> None:
    page = office.get("/admin/").context
    assert (page["working"], [(place.name, place.people) for place in page["places"]]) == (1, [("River Annex", 1)])
    found = {one.name: (one.assigned, one.working) for one in office.get(WAREHOUSES).context["cl"].result_list}
    assert found == {"North Dock": (2, 0), "River Annex": (1, 1)}
    view = office.get(f"{WAREHOUSES}{north.pk}/view/").content.decode()
    (row,) = re.findall(r">Pat Picker</a>.*?</tr>", view, re.DOTALL)
    assert "Not now: " in row


def test_the_lists_do_not_show_them_as_working(
    office: Client, idle: str, somebody: Any, pat_north: Any, north: Warehouse
) -> None:
    works = {row.pk for row in office.get(LIST, {"is_active__exact": "1"}).context["cl"].result_list}
    others = {row.pk for row in office.get(LIST, {"is_active__exact": "0"}).context["cl"].result_list}
    assert works == {somebody.pk}
    assert pat_north.pk in others
    page = office.get(LIST).content.decode()
    reason = {
        "blocked": "Deactivated",
        "deleted": "Deleted",
        "office": "not a warehouse user any more",
        "unavailable": "warehouse not available",
    }
    assert f"Not now: {reason[idle]}" in page
    assert list(office.get(PEOPLE, {"working": str(north.pk), "status": "all"}).context["cl"].result_list) == []
    listed = office.get(PEOPLE, {"status": "all"}).context["cl"].result_list
    people = {one.email: one.current_warehouse for one in listed}
    assert (people["pat.picker@example.test"], people["sam.stacker@example.test"]) == (None, "River Annex")


def test_the_people_of_a_warehouse_do_not_show_them_as_working(office: Client, idle: str, north: Warehouse) -> None:
    url = reverse("admin:assignments_assign_people", args=[north.uuid])
    found = {row["title"]: (row["here"], row["idle"]) for row in rows(office, url, side="assigned")["rows"]}
    assert found.get("pat.picker@example.test", (False, True)) == (False, True)
    assert ("pat.picker@example.test" in found) == (idle != "deleted")


def test_an_export_does_not_say_that_they_work_and_comes_back_unchanged(office: Client, idle: str) -> None:
    content = exported(office, LIST)
    assert [line.split(",")[:3] for line in content.decode().splitlines() if "pat." in line] == (
        [] if idle == "deleted" else [['"pat.picker@example.test"', '"North Dock"', '"no"']]
    )
    if idle in {"blocked", "unavailable"}:
        assert upload(office, LIST, content).report["unchanged_rows"] == 2


def test_their_assignments_are_kept_and_the_api_tells_of_them_as_before(
    idle: str, pat_north: Any, as_olive: Api
) -> None:
    document = as_olive.get(f"{ASSIGNMENTS}/{pat_north.uuid}").json()["data"]
    assert document["attributes"]["isActive"] is True
