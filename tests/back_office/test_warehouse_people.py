"""The page of a warehouse that says who is assigned to it, and the plain list of all assignments."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from assignments.models import WarehouseUserAssignment
from tests.support.back_office.assign_page import MARKUP, UPDATED, events, names, rows, said, staff
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/assignments/warehouseuserassignment/"


@pytest.fixture
def office(olive: User) -> Client:
    return staff(olive, "view", "add", "change", "delete")


@pytest.fixture
def reader(olive: User) -> Client:
    return staff(olive, "view")


@pytest.fixture
def url(north: Warehouse) -> str:
    return reverse("admin:assignments_assign_people", args=[north.uuid])


def people_of(warehouse: Warehouse) -> set[str]:
    return set(warehouse.assignments.values_list("user__email", flat=True))


def ids(*people: User) -> str:
    return ",".join(str(person.pk) for person in people)


# --- The page of a warehouse ------------------------------------------------------------------------------------
def test_only_warehouse_users_are_offered(
    office: Client,
    url: str,
    pat: User,
    sam: User,
    make_user: Callable[..., User],
) -> None:
    make_user("dora.deleted@example.test", is_warehouse_user=True, status="deleted")

    assert names(office, url) == [pat.email, sam.email]


def test_who_works_here_now_is_marked(
    office: Client,
    url: str,
    pat_north: WarehouseUserAssignment,
    sam_north: WarehouseUserAssignment,
) -> None:
    pat_north.activate()

    found = rows(office, url, side="assigned")["rows"]

    assert [(row["title"], row["also"], row["here"]) for row in found] == [
        ("pat.picker@example.test", "Pat Picker", True),
        ("sam.stacker@example.test", "Sam Stacker", False),
    ]


@pytest.mark.parametrize("text", ["SAM.st", "sam", "Stack", "sam stacker", "id"])
def test_people_are_found_by_the_beginning_of_their_email_or_names_and_by_id(
    office: Client,
    url: str,
    pat: User,
    sam: User,
    text: str,
) -> None:
    assert names(office, url, search=str(sam.pk) if text == "id" else text) == [sam.email]


def test_people_are_assigned_and_deassigned_at_once(
    office: Client,
    url: str,
    north: Warehouse,
    pat_north: WarehouseUserAssignment,
    sam: User,
) -> None:
    answer = office.post(url, {"assign": ids(sam), "deassign": ids(pat_north.user), "change_reason": "Holiday"})

    assert said(answer) == [f"{UPDATED} 1 assigned, 1 deassigned."]
    assert people_of(north) == {sam.email}
    reasons = events().filter(pgh_context__reason="Holiday")
    assert reasons.count() == 2


def test_who_is_no_warehouse_user_is_left_out_and_reported(
    office: Client,
    url: str,
    north: Warehouse,
    olive: User,
    sam: User,
) -> None:
    answer = office.post(url, {"assign": ids(olive, sam)})

    assert people_of(north) == {sam.email}
    assert said(answer)[1] == "1 chosen row is not there any more and was left out."


def test_who_lost_the_flag_is_shown_without_a_box(
    office: Client,
    url: str,
    pat_north: WarehouseUserAssignment,
    nothing_changes: Callable[[], Any],
) -> None:
    User.objects.filter(pk=pat_north.user_id).update(is_warehouse_user=False)

    assert [row["kept"] for row in rows(office, url, side="assigned")["rows"]] == [True]
    with nothing_changes():
        office.post(url, {"deassign": ids(pat_north.user)})


def test_changes_of_others_are_shown_by_person(
    office: Client,
    url: str,
    sam: User,
    north: Warehouse,
    assign: Callable[..., Any],
) -> None:
    assign(sam, north)

    told = office.get(f"{url}changes/", {"seen": "0"}).json()["changes"]

    assert told == ["Meanwhile “sam.stacker@example.test” was also assigned by someone in the database."]


def test_an_unknown_warehouse_is_reported_on_the_list(office: Client) -> None:
    answer = office.get(reverse("admin:assignments_assign_people", args=["nonsense"]))

    assert answer["Location"] == reverse("admin:warehouses_warehouse_changelist")
    assert said(answer) == ["Warehouse could not be found."]


def test_who_may_only_look_changes_nobody(
    reader: Client,
    url: str,
    sam: User,
    nothing_changes: Callable[[], Any],
) -> None:
    assert reader.get(url).status_code == 200
    with nothing_changes():
        assert reader.post(url, {"assign": ids(sam)}).status_code == 403


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_of_people_costs_the_same_for_one_and_many(
    office: Client,
    url: str,
    north: Warehouse,
    make_user: Callable[..., User],
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(count)]
    WarehouseUserAssignment.objects.set_people(north, add=people, remove=[])
    office.get(url)  # what Django keeps between requests

    with django_assert_num_queries(7):  # session, user, two of rights; warehouse, count and rows
        office.get(f"{url}rows/", {"side": "assigned"})
    with django_assert_num_queries(8):  # and the last change
        office.get(url)


@pytest.mark.django_db(transaction=True)
def test_two_who_assign_the_same_people_in_opposite_order_both_succeed(
    north: Warehouse, river: Warehouse, make_user: Callable[..., User]
) -> None:
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(12)]
    start = Barrier(2)

    def assign(warehouse: Warehouse, order: list[User]) -> None:
        start.wait()
        WarehouseUserAssignment.objects.set_people(warehouse, add=order, remove=[])
        connection.close()

    threads = [Thread(target=assign, args=one) for one in ((north, people), (river, people[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(people_of(north)) == len(people_of(river)) == 12


# --- The plain list ---------------------------------------------------------------------------------------------
def test_the_list_is_searched_by_a_part_of_an_email_and_by_warehouse(
    office: Client,
    pat_north: WarehouseUserAssignment,
    sam_north: WarehouseUserAssignment,
    pat_river: WarehouseUserAssignment,
) -> None:
    def found(**query: str) -> list[int]:
        return [row.pk for row in office.get(LIST, query).context["cl"].result_list]

    assert found(q="pat.p") == [pat_river.pk, pat_north.pk]
    assert found(q="north") == [sam_north.pk, pat_north.pk]
    assert found(q="picker@") == [pat_river.pk, pat_north.pk]
    assert found(q="stacker@example.com") == []
    assert found(is_active__exact="1") == []
    assert found(warehouse__id__exact=str(pat_river.warehouse_id)) == [pat_river.pk]


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_the_same_for_one_row_and_many(
    office: Client,
    pat: User,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    sheds = Warehouse.objects.bulk_create(Warehouse(name=f"Shed {n:02}") for n in range(count))
    WarehouseUserAssignment.objects.set_warehouses(pat, add=sheds, remove=[])
    office.get(LIST)

    with django_assert_num_queries(6):  # session, user, two of rights; keys and rows
        page = office.get(LIST)
    assert "9999999999" not in page.content.decode(), "nothing is counted, and no count is shown"


def switch(client: Client, action: str, *assignments: WarehouseUserAssignment) -> Any:
    chosen = [assignment.pk for assignment in assignments]
    return client.post(LIST, {"action": action, "_selected_action": chosen})


def test_assignments_are_switched_from_the_list_by_the_write_methods(
    office: Client,
    pat_north: WarehouseUserAssignment,
    pat_river: WarehouseUserAssignment,
    sam_north: WarehouseUserAssignment,
) -> None:
    pat_north.activate()

    assert said(switch(office, "activate_chosen", pat_river, sam_north)) == ["2 assignments are active now."]
    active = WarehouseUserAssignment.objects.filter(is_active=True)
    assert set(active) == {pat_river, sam_north}
    assert said(switch(office, "deactivate_chosen", pat_river, sam_north))[-1] == "2 assignments are inactive now."
    assert not active.all().exists()


def test_activating_in_a_warehouse_that_is_not_available_is_warned_about(
    office: Client, pat: User, mill: Warehouse, assign: Callable[..., Any]
) -> None:
    answer = switch(office, "activate_chosen", assign(pat, mill))
    assert said(answer)[1:] == ["“Old Mill” is not available: nobody can work there until it is."]


def test_two_of_one_person_are_not_activated(
    office: Client,
    pat_north: WarehouseUserAssignment,
    pat_river: WarehouseUserAssignment,
    nothing_changes: Callable[[], Any],
) -> None:
    with nothing_changes():
        answer = switch(office, "activate_chosen", pat_north, pat_river)

    assert "pat.picker@example.test works in one warehouse at a time." in said(answer)[0]


def test_switching_needs_the_right_to_change(
    reader: Client,
    pat_north: WarehouseUserAssignment,
    nothing_changes: Callable[[], Any],
) -> None:
    with nothing_changes():
        switch(reader, "activate_chosen", pat_north)


def test_no_form_makes_or_changes_a_row_past_the_write_methods(
    office: Client,
    pat_north: WarehouseUserAssignment,
    sam: User,
    nothing_changes: Callable[[], Any],
) -> None:
    with nothing_changes():
        assert office.get(f"{LIST}add/").status_code == 403
        office.post(f"{LIST}{pat_north.pk}/change/", {"user": sam.pk, "is_active": "on"})


def test_a_name_like_markup_is_text_in_the_list_and_on_the_page(
    office: Client,
    pat: User,
    assign: Callable[..., Any],
) -> None:
    assignment = assign(pat, Warehouse.objects.create(name=MARKUP))

    for path in (
        LIST,
        f"{LIST}{assignment.pk}/change/",
        reverse("admin:assignments_assign_people", args=[assignment.warehouse.uuid]),
    ):
        assert MARKUP not in office.get(path).content.decode()
