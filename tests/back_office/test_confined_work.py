"""A confined site manager on the pages of assignments: their warehouses, the people there, and nothing of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.back_office.assign_page import UPDATED, names, rows
from tests.support.back_office.missing_rows import assert_as_missing
from tests.support.back_office.staff import member, signed_in, told
from tests.support.cases import each
from tests.support.confinement import Site
from users import roles
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/assignments/warehouseuserassignment/"
NOBODY_CHANGED = "0 assigned, 0 deassigned."
LEFT_OUT = "1 chosen row is not there any more and was left out."

Row = WarehouseUserAssignment
pytestmark = pytest.mark.django_db


@pytest.fixture
def office(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def everywhere(make_user: Callable[..., User]) -> Client:
    return signed_in(member(make_user("eve.everywhere@example.test"), roles.SITE_MANAGER))


@pytest.fixture
def of_both(site: Site) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[site.both.uuid])


@pytest.fixture
def of_own(site: Site) -> str:
    return reverse("admin:assignments_assign_people", args=[site.own.uuid])


def listed(client: Client, **query: Any) -> set[int]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].result_list}


def state(person: User) -> dict[str, bool]:
    return dict(person.assignments.values_list("warehouse__name", "is_active"))


# --- The list ---------------------------------------------------------------------------------------------------
def test_the_list_has_the_assignments_of_ones_own_warehouses(site: Site, office: Client) -> None:
    assert listed(office) == {site.here_own.pk, site.both_own.pk}
    assert "Other Hall" not in office.get(LIST).content.decode()


def test_a_search_finds_nothing_of_others(site: Site, office: Client) -> None:
    number = 987_654_321  # which is the key of no person and no warehouse
    Row.objects.filter(pk=site.elsewhere_other.pk).update(id=number)
    assert listed(office, q="both") == {site.both_own.pk}
    assert listed(office, q="own hall") == {site.here_own.pk, site.both_own.pk}
    words = "elsewhere", "elsewhere.picker@example.test", "other hall", "othr hall"
    for text in (*words, number, site.both_other.uuid):
        assert listed(office, q=text) == set(), text
    assert "Did you mean" not in office.get(LIST, {"q": "elsewere"}).content.decode()


def test_the_first_that_a_search_finds_are_ones_own(
    site: Site, office: Client, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assignments.querysets._MAX_FOUND", 1)
    new = make_user("elsewhere.second@example.test", is_warehouse_user=True)
    row = Row.objects.create(user=new, warehouse=site.own)
    assert listed(office, q="elsewhere") == {row.pk}
    site.other.name, site.own.name = "A hall", "B hall"
    site.other.save()
    site.own.save()
    assert listed(office, q="hall") == {row.pk, site.here_own.pk, site.both_own.pk}


@each("field", ["warehouse", "user"])
def test_a_filter_by_a_row_of_others_is_one_by_a_missing_row(site: Site, office: Client, field: str) -> None:
    row = {"warehouse": site.other, "user": site.elsewhere}[field]
    answer = assert_as_missing(lambda one: office.get(LIST, {f"{field}__id__exact": one.pk}), row)
    assert list(answer.context["cl"].result_list) == []
    assert listed(office, **{f"{field}__id__exact": getattr(site, {"warehouse": "own", "user": "both"}[field]).pk})


@each("action", ["activate_chosen", "deactivate_chosen", "set_period_chosen", "delete_selected"])
def test_an_action_on_rows_of_others_is_one_on_missing_rows(site: Site, office: Client, action: str) -> None:
    def ask(row: Any) -> Any:
        return office.post(LIST, {"action": action, "_selected_action": row.pk, "index": 0, "post": "yes"})

    assert_as_missing(ask, site.both_other)


def test_an_action_changes_only_ones_own_of_the_chosen_rows(site: Site, office: Client) -> None:
    chosen = [site.here_own.pk, site.both_own.pk, site.elsewhere_other.pk]
    office.post(LIST, {"action": "delete_selected", "_selected_action": chosen, "index": 0, "post": "yes"})
    assert {row.pk for row in Row.objects.all()} == {site.both_other.pk, site.elsewhere_other.pk}


def test_activating_here_ends_the_work_elsewhere(site: Site, office: Client) -> None:
    answer = office.post(LIST, {"action": "activate_chosen", "_selected_action": site.both_own.pk, "index": 0})
    assert told(answer) == ["1 assignment is active now."]
    assert state(site.both) == {"Own Hall": True, "Other Hall": False}


# --- One row ----------------------------------------------------------------------------------------------------
@each("page", ["change/", "delete/", "history/", "assign_warehouses/", "set_period/"])
def test_the_pages_of_a_row_of_others_are_those_of_a_missing_row(site: Site, office: Client, page: str) -> None:
    assert_as_missing(lambda row: office.get(f"{LIST}{row.pk}/{page}"), site.both_other)
    assert_as_missing(lambda row: office.post(f"{LIST}{row.pk}/{page}", {"post": "yes"}), site.both_other)
    assert office.get(f"{LIST}{site.both_own.pk}/{page}").status_code in (200, 302)


def test_a_period_is_set_for_ones_own_rows_only(site: Site, office: Client) -> None:
    form = {"from_day": "2026-01-01", "until_day": "2199-12-31"}
    assert_as_missing(lambda row: office.post(f"{LIST}set-period/", form | {"rows": row.pk}), site.both_other)
    wrong = form | {"until_day": "2025-01-01"}
    answer = assert_as_missing(lambda row: office.post(f"{LIST}set-period/", wrong | {"rows": row.pk}), site.both_other)
    assert "both.picker@example.test" not in answer.content.decode()
    answer = office.post(f"{LIST}set-period/", form | {"rows": f"{site.both_own.pk},{site.both_other.pk}"})
    assert told(answer) == ["The period of 1 assignment was changed."]
    assert [row.pk for row in Row.objects.exclude(ends_at=None)] == [site.both_own.pk]


# --- The warehouses of a person ---------------------------------------------------------------------------------
@each("path", ["", "rows/", "changes/"])
def test_the_assign_page_of_people_and_warehouses_of_others_is_missing(site: Site, office: Client, path: str) -> None:
    for name, row in (("warehouses", site.elsewhere), ("warehouses", site.nowhere), ("people", site.other)):
        url = f"admin:assignments_assign_{name}"
        missing = {"warehouses": "User could not be found.", "people": "Warehouse could not be found."}[name]
        answer = assert_as_missing(lambda one: office.get(reverse(url, args=[one.uuid]) + path), row)  # noqa: B023
        assert told(answer) == [missing]
        form = {"assign": site.own.pk, "current": site.own.pk}
        assert_as_missing(lambda one: office.post(reverse(url, args=[one.uuid]) + path, form), row)  # noqa: B023


def test_the_page_of_a_person_in_both_counts_the_other_warehouses(site: Site, office: Client, of_both: str) -> None:
    page = office.get(of_both).content.decode()
    assert "+ 1 elsewhere: this person is assigned to a warehouse that you do not manage." in page
    assert 'data-works-elsewhere="yes"' in page
    assert 'data-current-id=""' in page
    assert "Other Hall" not in page
    assert names(office, of_both, side="available") == []
    assert names(office, of_both, side="assigned") == ["Own Hall"]
    for side in ("available", "assigned"):
        assert names(office, of_both, side=side, search="other") == []
    plain = office.get(of_both, {"side": "assigned"}).content.decode()
    assert "The user works in another warehouse" in plain
    with translation.override("de"):
        User.objects.filter(pk=site.manager.pk).update(language="de_DE")
        page = office.get(of_both).content.decode()
    assert "+ 1 anderswo: Diese Person ist einem Lager zugewiesen, das Sie nicht verwalten." in page


def test_who_is_here_only_is_nowhere_else(site: Site, office: Client) -> None:
    url = reverse("admin:assignments_assign_warehouses", args=[site.here.uuid])
    page = office.get(url).content.decode()
    assert "elsewhere:" not in page
    assert 'data-works-elsewhere=""' in page
    assert names(office, url, side="available") == []  # they are not assigned to the other one


def test_making_active_here_ends_the_work_elsewhere(site: Site, office: Client, of_both: str) -> None:
    answer = office.post(of_both, {"current": site.own.pk, "was_current": "none"})
    assert told(answer) == [f"{UPDATED} The current warehouse is Own Hall now."]
    assert state(site.both) == {"Own Hall": True, "Other Hall": False}


def test_no_current_warehouse_means_none_of_ones_own(site: Site, office: Client, of_both: str) -> None:
    answer = office.post(of_both, {"current": "none", "was_current": site.own.pk})
    assert told(answer) == [f"{UPDATED} {NOBODY_CHANGED}"]
    assert state(site.both) == {"Own Hall": False, "Other Hall": True}
    assert told(office.post(of_both, {"current": site.own.pk}))
    answer = office.post(of_both, {"current": "none", "was_current": site.own.pk})
    assert told(answer) == [f"{UPDATED} There is no current warehouse now."]
    assert state(site.both) == {"Own Hall": False, "Other Hall": False}


@each(
    "choice",
    [
        lambda pk: {"assign": pk},
        lambda pk: {"deassign": pk},
        lambda pk: {"current": pk},
        lambda pk: {"ticked": pk},
        lambda pk: {"was_ticked": pk},
    ],
)
def test_a_forged_warehouse_of_others_is_a_missing_one(
    site: Site, office: Client, of_both: str, choice: Callable[[int], Any]
) -> None:
    assert_as_missing(lambda row: office.post(of_both, choice(row.pk)), site.other)


def test_a_forged_warehouse_is_left_out_beside_ones_own(site: Site, office: Client) -> None:
    url = reverse("admin:assignments_assign_warehouses", args=[site.here.uuid])
    answer = office.post(url, {"assign": f"{site.own.pk},{site.other.pk}"})
    assert told(answer) == [f"{UPDATED} {NOBODY_CHANGED}", LEFT_OUT]
    assert state(site.here) == {"Own Hall": True}


def test_who_deassigns_a_person_from_the_last_of_their_warehouses_is_told_that_they_are_gone(
    site: Site, office: Client
) -> None:
    url = reverse("admin:assignments_assign_warehouses", args=[site.here.uuid])
    answer = office.post(url, {"deassign": site.own.pk})
    assert answer.headers["Location"] == "/admin/users/user/"
    assert told(answer) == [
        f"{UPDATED} 0 assigned, 1 deassigned. There is no current warehouse now.",
        "This person has no assignment in your warehouses any more: from now on you do not see them.",
    ]
    assert told(office.get(url)) == ["User could not be found."]


# --- The people of a warehouse ----------------------------------------------------------------------------------
def test_the_people_offered_are_those_of_ones_own_warehouses(site: Site, office: Client, of_own: str) -> None:
    emails = names(office, of_own, side="assigned")
    assert emails == ["here.picker@example.test", "both.picker@example.test"]
    assert names(office, of_own) == []
    second = Warehouse.objects.create(name="Second Hall")
    Row.objects.create(user=site.nowhere, warehouse=second)
    ManagedWarehouse.objects.set_for(site.manager, add=[second], remove=[])
    assert names(office, of_own) == ["nowhere.picker@example.test"]
    assert names(office, of_own, search="elsewhere") == []
    assert names(office, of_own, search="elsewhere", all="1") == []


@each("name", ["elsewhere", "nowhere"])
def test_a_forged_person_of_others_is_a_missing_one(site: Site, office: Client, of_own: str, name: str) -> None:
    answer = assert_as_missing(lambda row: office.post(of_own, {"assign": row.pk}), getattr(site, name))
    assert told(answer) == [f"{UPDATED} {NOBODY_CHANGED}", LEFT_OUT]
    assert_as_missing(lambda row: office.post(of_own, {"deassign": row.pk}), getattr(site, name))


def test_people_in_both_are_deassigned_here_only(site: Site, office: Client, of_own: str) -> None:
    answer = office.post(of_own, {"deassign": site.both.pk})
    assert told(answer) == [f"{UPDATED} 0 assigned, 1 deassigned."]
    assert state(site.both) == {"Other Hall": True}


# --- Changes by others ------------------------------------------------------------------------------------------
def test_notes_of_changes_by_others_tell_of_ones_own_warehouses_and_name_no_e_mail(
    site: Site, office: Client, of_both: str, of_own: str, everywhere: Client
) -> None:
    seen = rows_seen(office, of_both), rows_seen(office, of_own)
    third = Warehouse.objects.create(name="Third Hall")
    everywhere.post(of_both, {"assign": third.pk, "deassign": site.other.pk})
    assert rows_seen(office, of_both) == seen[0]
    assert changes(office, of_both, 0)[0].startswith("Meanwhile “Own Hall” was also assigned by ")
    assert "Hall" not in "".join(changes(office, of_both, seen[0]))
    everywhere.post(of_both, {"deassign": site.own.pk})
    everywhere.post(of_own, {"assign": site.both.pk})
    assert changes(office, of_both, seen[0]) == [
        "Meanwhile “Own Hall” was also deassigned by Eve Everywhere.",
        "Meanwhile “Own Hall” was also assigned by Eve Everywhere.",
    ]
    answer = office.post(of_own, {"assign": site.both.pk, "seen": seen[1]})
    assert told(answer)[1:] == [
        "Meanwhile “Both Picker” was also deassigned by Eve Everywhere.",
        "Meanwhile “Both Picker” was also assigned by Eve Everywhere.",
    ]


def rows_seen(client: Client, url: str) -> int:
    number: int = client.get(url).context["seen"]
    return number


def changes(client: Client, url: str, seen: int) -> list[str]:
    found: list[str] = client.get(f"{url}changes/", {"seen": seen}).json()["changes"]
    return found


# --- While a form is open ---------------------------------------------------------------------------------------
def test_a_manager_whose_warehouse_is_taken_while_a_form_is_open_is_refused_and_told(
    site: Site, office: Client, of_both: str, of_own: str, nothing_changes: Any
) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    form = {"assign": site.own.pk, "current": site.own.pk}
    with nothing_changes():
        assert told(office.post(of_both, form)) == ["User could not be found."]
        assert told(office.post(of_own, {"deassign": site.both.pk})) == ["Warehouse could not be found."]
        assert_as_missing(
            lambda row: office.post(LIST, {"action": "activate_chosen", "_selected_action": row.pk, "index": 0}),
            site.both_own,
        )
        assert_as_missing(lambda row: office.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}), site.both_own)


def test_one_without_warehouses_gets_empty_pages(site: Site, office: Client) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    assert listed(office) == set()
    assert office.get("/admin/warehouses/warehouse/").context["cl"].result_count == 0


# --- Costs ------------------------------------------------------------------------------------------------------
@pytest.mark.thorough
def test_a_page_takes_at_most_one_query_more_for_the_confined(
    site: Site, office: Client, everywhere: Client, of_own: str
) -> None:
    for path in (LIST, f"{LIST}?q=both", f"{LIST}?user__id__exact={site.both.pk}", of_own, f"{of_own}rows/",
                 f"{of_own}changes/?seen=0", f"{LIST}{site.both_own.pk}/set_period/", "/admin/warehouses/warehouse/",
                 f"/admin/warehouses/warehouse/{site.own.pk}/view/", f"{LIST}roster/", f"{LIST}roster/?warehouse=own",
                 f"{LIST}roster/person/?person={site.both.pk}"):  # fmt: skip
        assert queries(office, path) - queries(everywhere, path) in (0, 1), path


def test_the_page_of_a_person_takes_another_for_the_number_of_warehouses_elsewhere(
    site: Site, office: Client, everywhere: Client, of_both: str
) -> None:
    assert queries(office, of_both) - queries(everywhere, of_both) == 2
    assert rows(office, of_both, side="assigned")["total"] == 1


def queries(client: Client, path: str) -> int:
    client.get(path)  # reads what is kept from then on
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200
    return len(found)
