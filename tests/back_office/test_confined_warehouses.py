"""A confined manager on the pages of warehouses: those they manage, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.back_office.missing_rows import assert_as_missing
from tests.support.back_office.staff import errors, member, signed_in, told
from tests.support.cases import each
from tests.support.confinement import Site
from users import roles
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/warehouses/warehouse/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def office(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def keeper(site: Site) -> Client:
    """A confined Warehouse manager."""
    return signed_in(member(site.manager, roles.WAREHOUSE_MANAGER))


def listed(client: Client, **query: str) -> list[tuple[str, int, int]]:
    rows = client.get(LIST, query).context["cl"].result_list
    return [(row.name, row.assigned, row.working) for row in rows]


def test_the_list_and_its_figures_are_of_ones_own_warehouses(site: Site, office: Client) -> None:
    assert listed(office) == [("Own Hall", 2, 1)]
    assert listed(office, q="hall") == [("Own Hall", 2, 1)]
    for text in ("other", "othr hall", str(site.other.pk), str(site.other.uuid)):
        assert listed(office, q=text) == [], text


@each("page", ["view/", "change/", "delete/", "people/", "edit/", "history/"])
def test_the_pages_of_a_warehouse_of_others_are_those_of_a_missing_one(site: Site, keeper: Client, page: str) -> None:
    if page != "edit/":  # redirects to the form, which looks for the row
        assert_as_missing(lambda row: keeper.get(f"{LIST}{row.pk}/{page}"), site.other)
        form = {"name": "Other Hall", "is_active": "False", "confirmed": "on"}
        assert_as_missing(lambda row: keeper.post(f"{LIST}{row.pk}/{page}", form), site.other)
    assert keeper.get(f"{LIST}{site.own.pk}/{page}").status_code in (200, 302)


def test_the_page_of_ones_own_warehouse_links_to_people_and_roster(site: Site, office: Client) -> None:
    page = office.get(f"{LIST}{site.own.pk}/view/").content.decode()
    assert "here.picker@example.test" in page
    assert f"roster/?warehouse={site.own.pk}" in page
    assert "elsewhere.picker" not in page
    assert f"/{site.own.pk}/delete/" not in page
    assert f"/{site.own.pk}/change/" not in page


def test_nobody_confined_creates_a_warehouse(keeper: Client) -> None:
    for path in ("add/", "create/"):
        assert keeper.get(f"{LIST}{path}").status_code == 403
        assert keeper.post(f"{LIST}{path}", {"name": "New", "is_active": "True"}).status_code == 403
    assert Warehouse.objects.count() == 2
    assert "Create Warehouse" not in keeper.get(LIST).content.decode()


def test_a_confined_warehouse_manager_edits_their_own(site: Site, keeper: Client) -> None:
    answer = keeper.post(f"{LIST}{site.own.pk}/change/", {"name": "New Hall", "is_active": "True"})
    assert told(answer) == ["Warehouse has been successfully updated"]
    site.own.refresh_from_db()
    assert site.own.name == "New Hall"


def test_a_name_that_is_taken_does_not_say_by_what(site: Site, keeper: Client, as_ada: Client) -> None:
    for client, told_of in ((keeper, "This name cannot be used."), (as_ada, "This name is already in use.")):
        answer = client.post(f"{LIST}{site.own.pk}/change/", {"name": "OTHER hall", "is_active": "True"})
        assert errors(answer) == {"name": [told_of]}
    User.objects.filter(pk=site.manager.pk).update(language="de_DE")
    answer = keeper.post(f"{LIST}{site.own.pk}/change/", {"name": "OTHER hall", "is_active": "True"})
    assert errors(answer) == {"name": ["Dieser Name kann nicht verwendet werden."]}


def test_who_edits_at_the_same_time_is_named_without_their_e_mail(site: Site, keeper: Client, as_ada: Client) -> None:
    seen = keeper.get(f"{LIST}{site.own.pk}/change/").context["adminform"].form["seen"].value()
    as_ada.post(f"{LIST}{site.own.pk}/change/", {"name": "New Hall", "is_active": "True"})
    answer = keeper.post(f"{LIST}{site.own.pk}/change/", {"name": "My Hall", "is_active": "True", "seen": seen})
    page = answer.content.decode()
    assert "Ada Admin, " in page
    assert "ada.admin@" not in page


def test_deleting_ones_own_warehouse_deletes_its_assignments_alone(site: Site, keeper: Client) -> None:
    page = keeper.get(f"{LIST}{site.own.pk}/delete/").content.decode()
    assert "See who is assigned, and deassign them first" in page
    answer = keeper.post(f"{LIST}{site.own.pk}/delete/", {"name": "Own Hall"})
    assert told(answer) == ["Warehouse “Own Hall” was deleted, and 2 assignments to it."]
    assert [*Warehouse.objects.all()] == [site.other]
    assert {*WarehouseUserAssignment.objects.all()} == {site.both_other, site.elsewhere_other}
    assert not ManagedWarehouse.objects.exists()
    assert listed(keeper) == []


def test_the_choices_of_a_filter_are_ones_own(site: Site, office: Client, make_user: Callable[..., User]) -> None:
    """The names that are offered while somebody types."""
    field = {"app_label": "assignments", "model_name": "warehouseuserassignment"}
    for name, expected in (("warehouse", ["Own Hall"]), ("user", ["both.picker@example.test"])):
        for term in {"warehouse": ("", "hall"), "user": ("both", "BOTH.picker@example.test")}[name]:
            answer = office.get("/admin/autocomplete/", field | {"field_name": name, "term": term})
            assert [row["text"] for row in answer.json()["results"]] == expected
        for term in ("other hall", "elsewhere", "nowhere.picker@example.test", str(site.other.uuid)):
            answer = office.get("/admin/autocomplete/", field | {"field_name": name, "term": term})
            assert answer.json() == {"results": [], "pagination": {"more": False}}
