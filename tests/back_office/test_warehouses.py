"""Warehouses in the Back Office (contract 5.5): list, create, edit, view, switch off, delete."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from assignments.models import WarehouseUserAssignment
from tests.support.cases import each
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/warehouses/warehouse/"
ADD = f"{LIST}add/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def page_of(warehouse: Warehouse, name: str) -> str:
    return f"{LIST}{warehouse.pk}/{name}/"


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def answers(**given: str) -> dict[str, str]:
    return {"name": "North Dock", "is_active": "True", "note": "", "change_reason": ""} | given


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    """A browser with Olive in it, who may do everything."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend=BACKEND)
    return client


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A browser with somebody in it who may do only what is named."""

    def browser(*codenames: str) -> Client:
        person = make_user("cleo.clerk@example.test")
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(person, backend=BACKEND)
        return client

    return browser


# --- The list ---------------------------------------------------------------------------------------------------
def rows(response: Any) -> list[tuple[str, int, int]]:
    return [(one.name, one.assigned, one.working) for one in response.context["cl"].result_list]


def test_the_list_shows_how_many_are_assigned_and_how_many_work_there_now(
    office: Client, mill: Warehouse, pat_north: Any, sam_north: Any, pat_river: Any
) -> None:
    sam_north.activate()
    pat_river.activate()
    response = office.get(LIST)
    assert rows(response) == [("Old Mill", 0, 0), ("North Dock", 2, 1), ("River Annex", 1, 1)]
    page = response.content.decode()
    for text in ("Warehouse ID", "Name", "Status", "Not available", "Create Warehouse"):
        assert text in page


@pytest.mark.parametrize(
    ("order", "first"), [("0", "North Dock"), ("-0", "River Annex"), ("-1", "River Annex"), ("2", "Old Mill")]
)
def test_the_list_sorts_by_id_name_and_status(
    office: Client, north: Warehouse, mill: Warehouse, river: Warehouse, order: str, first: str
) -> None:
    assert rows(office.get(LIST, {"o": order}))[0][0] == first


def test_search_finds_by_part_of_a_name_and_by_id(office: Client, north: Warehouse, river: Warehouse) -> None:
    for text in ("RIVER", "annex", str(river.pk)):
        assert [name for name, *_ in rows(office.get(LIST, {"q": text}))] == ["River Annex"]
    assert rows(office.get(LIST, {"q": "nowhere"})) == []


def test_the_list_narrows_to_one_status(office: Client, north: Warehouse, mill: Warehouse) -> None:
    assert [name for name, *_ in rows(office.get(LIST, {"is_active": "0"}))] == ["Old Mill"]
    assert [name for name, *_ in rows(office.get(LIST, {"is_active": "1"}))] == ["North Dock"]


@pytest.mark.parametrize("number", [1, 60])
def test_the_list_costs_the_same_at_any_length(office: Client, assign: Any, pat: User, number: int) -> None:
    for n in range(number):
        assign(pat, Warehouse.objects.create(name=f"Warehouse {n}"), is_active=True)
    office.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        office.get(LIST)
    assert len(queries) == 5, [query["sql"][:90] for query in queries]


def test_a_name_is_text_and_never_markup(office: Client) -> None:
    warehouse = Warehouse.objects.create(name="<img src=x onerror=alert(1)>")
    for path in (LIST, page_of(warehouse, "view"), page_of(warehouse, "change"), page_of(warehouse, "delete")):
        content = office.get(path).content.decode()
        assert "<img" not in content
        assert escape(warehouse.name) in content


# --- Create and edit --------------------------------------------------------------------------------------------
def test_a_warehouse_is_created(office: Client) -> None:
    response = office.post(ADD, answers(name="  Hill Top ", note="by the hill", change_reason="opened"), follow=True)
    assert messages(response) == ["Warehouse has been successfully saved"]
    warehouse = Warehouse.objects.get()
    assert (warehouse.name, warehouse.is_active, warehouse.note) == ("Hill Top", True, "by the hill")
    assert warehouse.events.get().pgh_context["reason"] == "opened"  # type: ignore[attr-defined]


def test_a_warehouse_may_be_created_inactive(office: Client) -> None:
    office.post(ADD, answers(is_active="False"))
    assert not Warehouse.objects.get().is_active


def test_a_warehouse_is_edited(office: Client, north: Warehouse) -> None:
    response = office.post(page_of(north, "change"), answers(name="North Gate", note="moved"), follow=True)
    assert messages(response) == ["Warehouse has been successfully updated"]
    assert response.redirect_chain == [(LIST, 302)]
    north.refresh_from_db()
    assert (north.name, north.note) == ("North Gate", "moved")


@each(
    ("given", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "   "}, "This field is required."),
        ({"name": " River Annex "}, "This name is already in use."),
        ({"name": "river ANNEX"}, "This name is already in use."),
        ({"name": "river\u00a0\u200b ANNEX"}, "This name is already in use."),
        ({"name": "\u200b\u2060"}, "This field cannot be blank."),
        ({"name": "x" * 256}, "Ensure this value has at most 255 characters"),
        ({"is_active": ""}, "This field is required."),
        ({"is_active": "perhaps"}, "Select a valid choice."),
    ],
)
def test_a_bad_answer_is_refused_and_nothing_is_lost(
    office: Client, river: Warehouse, north: Warehouse, nothing_changes: Any, given: dict[str, str], message: str
) -> None:
    for path in (ADD, page_of(north, "change")):
        with nothing_changes():
            response = office.post(path, answers(note="keep me") | given)
        page = response.content.decode()
        assert response.status_code == 200
        assert message in page
        assert "keep me" in page


def test_a_warehouse_that_is_not_there_is_said_to_be_so(office: Client) -> None:
    for page in ("change", "view", "delete", "history"):
        response = office.get(f"{LIST}4711/{page}/", follow=True)
        assert response.redirect_chain[-1][0] == LIST
        assert messages(response) == ["There is no warehouse with the ID “4711”."]


def test_the_view_page_shows_all_and_changes_nothing(office: Client, north: Warehouse, pat_north: Any) -> None:
    pat_north.activate()
    Warehouse.objects.filter(pk=north.pk).update(note="second gate")
    page = office.get(page_of(north, "view")).content.decode()
    for text in (
        "View Warehouse: North Dock",
        "Is this warehouse available?",
        "second gate",
        "pat.picker@example.test",
    ):
        assert text in page


# --- Switching off ----------------------------------------------------------------------------------------------
def test_switching_off_a_warehouse_with_people_in_it_names_them_first(
    office: Client, north: Warehouse, pat_north: Any, sam_north: Any, nothing_changes: Any
) -> None:
    pat_north.activate()
    with nothing_changes():
        response = office.post(page_of(north, "change"), answers(is_active="False", note="kept"))
    page = response.content.decode()
    assert "1 person works in this warehouse now: Pat Picker (pat.picker@example.test)." in page
    assert "Yes, switch this warehouse off" in page
    assert "kept" in page

    office.post(page_of(north, "change"), answers(is_active="False", confirmed="on"))
    north.refresh_from_db()
    assert not north.is_active


def test_of_many_people_the_first_ten_are_named(office: Client, north: Warehouse, make_user: Any, assign: Any) -> None:
    for n in range(12):
        assign(make_user(f"a.b{n}@example.test", is_warehouse_user=True), north, is_active=True)
    page = office.post(page_of(north, "change"), answers(is_active="False")).content.decode()
    assert "12 people work in this warehouse now" in page
    assert "a.b9@example.test" in page
    assert "a.b10@example.test" not in page
    assert "and 2 more" in page


def test_switching_off_an_empty_warehouse_asks_nothing(office: Client, north: Warehouse, pat_north: Any) -> None:
    office.post(page_of(north, "change"), answers(is_active="False"))
    north.refresh_from_db()
    assert not north.is_active


def test_editing_an_inactive_warehouse_asks_nothing(office: Client, mill: Warehouse, pat: User, assign: Any) -> None:
    assign(pat, mill, is_active=True)
    office.post(page_of(mill, "change"), answers(name="Mill", is_active="False"))
    mill.refresh_from_db()
    assert mill.name == "Mill"


# --- Deleting ---------------------------------------------------------------------------------------------------
def test_a_warehouse_without_assignments_is_deleted(office: Client, north: Warehouse) -> None:
    assert "Nobody is assigned to it." in office.get(page_of(north, "delete")).content.decode()
    assert Warehouse.objects.exists()
    response = office.post(page_of(north, "delete"), {"change_reason": "closed for good"}, follow=True)
    assert messages(response) == ["Warehouse “North Dock” was deleted, and 0 assignments to it."]
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize("typed", ["", "north dock", "North", "River Annex"])
def test_a_warehouse_with_assignments_is_not_deleted_without_its_name(
    office: Client, north: Warehouse, pat_north: Any, nothing_changes: Any, typed: str
) -> None:
    with nothing_changes():
        response = office.post(page_of(north, "delete"), {"name": typed})
    page = response.content.decode()
    assert "1 person is assigned to the warehouse “North Dock”" in page
    assert f"/warehouse/{north.uuid}/" in page  # the way to who is assigned


def test_the_typed_name_deletes_the_warehouse_and_its_assignments_and_history_keeps_each(
    office: Client, olive: User, north: Warehouse, pat_north: Any, sam_north: Any, pat_river: Any
) -> None:
    sam_north.activate()
    typed = {"name": "North Dock", "change_reason": "sold"}
    response = office.post(page_of(north, "delete"), typed, follow=True)
    assert messages(response) == ["Warehouse “North Dock” was deleted, and 2 assignments to it."]
    assert list(Warehouse.objects.values_list("name", flat=True)) == ["River Annex"]
    assert WarehouseUserAssignment.objects.get() == pat_river
    events = WarehouseUserAssignment.pgh_event_model.objects.filter(pgh_label="delete")  # type: ignore[attr-defined]
    assert {event.pgh_obj_id for event in events} == {pat_north.pk, sam_north.pk}
    assert {(event.pgh_context["user"], event.pgh_context["reason"]) for event in events} == {(olive.pk, "sold")}


def test_a_warehouse_is_deleted_once(north: Warehouse) -> None:
    other_page = Warehouse.objects.get(pk=north.pk)
    north.remove()
    with pytest.raises(Warehouse.DoesNotExist):
        other_page.remove()


def test_a_form_without_any_answer_deletes_what_nobody_is_assigned_to(office: Client, north: Warehouse) -> None:
    office.post(page_of(north, "delete"))
    assert not Warehouse.objects.exists()


def test_the_write_method_refuses_to_delete_what_people_are_assigned_to(north: Warehouse, pat_north: Any) -> None:
    with pytest.raises(ProtectedError):
        north.remove()
    assert Warehouse.objects.filter(pk=north.pk).exists()


def test_the_list_offers_no_deletion_of_many(office: Client, north: Warehouse, nothing_changes: Any) -> None:
    with nothing_changes():
        office.post(LIST, {"action": "delete_selected", "_selected_action": north.pk, "post": "yes"})


# --- Who may ----------------------------------------------------------------------------------------------------
ALL_PAGES = ("change", "view", "delete", "history", "people", "edit")


@each(
    ("codenames", "allowed"),
    [
        ((), set()),
        (("view_warehouse",), {"list", "change", "view", "history"}),
        (("view_warehouse", "change_warehouse"), {"list", "change", "view", "history", "edit"}),
        (("view_warehouse", "delete_warehouse"), {"list", "change", "view", "history", "delete"}),
        (("view_warehouse", "add_warehouse"), {"list", "change", "view", "history", "add"}),
        (("view_warehouse", "view_warehouseuserassignment"), {"list", "change", "view", "history", "people"}),
    ],
)
def test_each_page_asks_for_its_right(clerk: Any, north: Warehouse, codenames: Any, allowed: set[str]) -> None:
    browser = clerk(*codenames)
    paths = {"list": LIST, "add": ADD, **{name: page_of(north, name) for name in ALL_PAGES}}
    assert {name for name, path in paths.items() if browser.get(path).status_code != 403} == allowed


def test_who_may_only_view_cannot_change(clerk: Any, north: Warehouse, nothing_changes: Any) -> None:
    browser = clerk("view_warehouse")
    with nothing_changes():
        for path in (ADD, page_of(north, "change"), page_of(north, "delete")):
            assert browser.post(path, answers(name="Mine")).status_code == 403


def test_deleting_assignments_needs_that_right_too(
    clerk: Any, north: Warehouse, pat_north: Any, nothing_changes: Any
) -> None:
    browser = clerk("view_warehouse", "delete_warehouse")
    with nothing_changes():
        response = browser.post(page_of(north, "delete"), {"name": "North Dock"})
    assert "You may not delete assignments" in response.content.decode()


@pytest.mark.parametrize("name", ["North Dock", "NORTH dock"])
def test_a_name_in_use_is_said_beside_the_name(
    office: Client, north: Warehouse, nothing_changes: Any, name: str
) -> None:
    with nothing_changes():
        response = office.post(ADD, answers(name=name))
    form = response.context["adminform"].form
    assert form.errors == {"name": ["This name is already in use."]}


def test_a_name_can_be_saved_in_another_case(office: Client, north: Warehouse) -> None:
    office.post(page_of(north, "change"), answers(name="NORTH DOCK"))
    assert Warehouse.objects.get().name == "NORTH DOCK"


def test_postgresql_refuses_two_names_that_differ_in_case_only(db: None) -> None:
    Warehouse.objects.create(name="Übersee")
    with pytest.raises(IntegrityError, match="warehouse_name_unique"), transaction.atomic():
        Warehouse.objects.create(name="üBERSEE")


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("en_US", "Edit Warehouse", ["Save", "List Warehouses", "Delete"]),
        ("de_DE", "Lager bearbeiten", ["Speichern", "Lager auflisten", "Löschen"]),
    ],
)
def test_the_page_of_a_warehouse_says_what_it_is_and_what_can_be_done(
    office: Client, olive: User, north: Warehouse, language: str, title: str, words: list[str]
) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    page = office.get(page_of(north, "change")).content.decode()
    assert re.findall(r"<h1 [^>]*>([^<]*)</h1>", page) == [title]
    row = page[page.index('id="submit-row"') :]
    assert re.findall(r"<(?:button|a) [^>]*>\s*([^<>]+?)\s*</(?:button|a)>", row)[:3] == words
