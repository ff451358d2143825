"""The page `Assign Warehouse to User`: what it shows, what saving it does, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
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


@pytest.fixture
def office(olive: User) -> Client:
    return staff(olive, "view", "add", "change", "delete")


@pytest.fixture
def reader(olive: User) -> Client:
    return staff(olive, "view")


@pytest.fixture
def url(pat: User) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[pat.uuid])


def warehouses_of(user: User) -> set[str]:
    return set(user.assignments.values_list("warehouse__name", flat=True))


def ids(*warehouses: Warehouse) -> str:
    return ",".join(str(warehouse.pk) for warehouse in warehouses)


# --- What it shows ----------------------------------------------------------------------------------------------
def test_the_page_names_the_person_its_tabs_and_what_a_warehouse_can_do(office: Client, url: str) -> None:
    page = office.get(url).content.decode()

    for text in (
        "Assign Warehouse to User: pat.picker@example.test",
        "List Users",
        "List of warehouses",
        "A warehouse can be assigned to multiple users at a time.",
        "Select warehouses to assign",
        "Warehouses to be assigned",
        "Assigned warehouses",
        "Warehouses to be deassigned",
        "Selected warehouses",
        "Deselected warehouses",
        "Warehouse ID",
        "Select All",
        "Deselect All",
    ):
        assert text in page


def test_its_heading_leads_back_to_the_list_of_assignments(office: Client, url: str) -> None:
    page = office.get(url).content.decode()
    heading = page[page.index("<h1") : page.index("</h1>")]
    assert 'href="/admin/assignments/warehouseuserassignment/"' in heading
    assert "Assign Warehouse to User: pat.picker@example.test" in heading


def test_the_two_sides_are_what_is_assigned_and_what_is_not(
    office: Client, url: str, pat_north: WarehouseUserAssignment, mill: Warehouse
) -> None:
    pat_north.activate()

    (available,) = rows(office, url, side="available")["rows"]
    (assigned,) = rows(office, url, side="assigned")["rows"]

    assert (available["id"], available["title"], available["status"]) == (mill.pk, "Old Mill", "Not available")
    assert (assigned["title"], assigned["status"], assigned["here"]) == ("North Dock", "Available", True)


def test_a_search_finds_any_part_of_a_name_in_any_case_and_the_id(
    office: Client, url: str, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    assert names(office, url, search="RIVER") == ["River Annex"]
    assert names(office, url, search="nex") == ["River Annex"]
    assert names(office, url, search=str(mill.pk)) == ["Old Mill"]
    assert names(office, url, search=str(mill.uuid)) == ["Old Mill"]
    assert names(office, url, search="100%_") == []


@pytest.mark.parametrize(
    ("sort", "first"),
    [("id", "north"), ("-id", "mill"), ("name", "North Dock"), ("-name", "River Annex"), ("-status", "Old Mill")],
)
def test_rows_are_sorted_by_id_name_and_status(
    office: Client, url: str, sort: str, first: str, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    wanted = {"north": "North Dock", "mill": "Old Mill"}.get(first, first)

    assert names(office, url, sort=sort)[0] == wanted


@pytest.mark.parametrize(
    "query", [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"page": "9" * 40}, {"sort": "password"}, {"side": "other"}]
)
def test_a_question_that_makes_no_sense_gets_the_first_page(
    office: Client, url: str, query: dict[str, str], north: Warehouse
) -> None:
    assert names(office, url, **query) == ["North Dock"]


@pytest.mark.parametrize("search", ["\0", "9" * 30, "²", "٣", "'", "\\", "<script>"])
def test_no_search_is_an_error(office: Client, url: str, search: str, north: Warehouse) -> None:
    assert isinstance(names(office, url, search=search), list)


def test_pages_follow_each_other_and_end(office: Client, url: str) -> None:
    Warehouse.objects.bulk_create(Warehouse(name=f"Shed {n:02}") for n in range(24))

    pages = [rows(office, url, page=page, sort="name") for page in (1, 2, 3, 4)]

    assert [(page["page"], page["pages"], page["total"], len(page["rows"])) for page in pages] == [
        (1, 3, 24, 10),
        (2, 3, 24, 10),
        (3, 3, 24, 4),
        (3, 3, 24, 4),
    ]


def test_all_that_match_can_be_had_at_once(office: Client, url: str, north: Warehouse) -> None:
    Warehouse.objects.bulk_create(Warehouse(name=f"Shed {n:02}") for n in range(60))

    assert len(names(office, url, search="shed", all="1")) == 60


def test_a_warehouse_named_like_markup_is_shown_as_text(
    office: Client, url: str, pat: User, assign: Callable[..., Any]
) -> None:
    assign(pat, Warehouse.objects.create(name=MARKUP), is_active=True)

    for query in ("", "?side=assigned"):
        page = office.get(url + query).content.decode()
        assert MARKUP not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize("count", [1, 40])
def test_the_page_and_its_data_cost_the_same_for_one_warehouse_and_many(
    office: Client, url: str, pat: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sheds = Warehouse.objects.bulk_create(Warehouse(name=f"Shed {n:02}") for n in range(2 * count))
    WarehouseUserAssignment.objects.set_warehouses(pat, add=sheds[:count], remove=[])
    office.get(url)  # what Django keeps between requests

    with django_assert_num_queries(7):  # session, user, two of rights; person, count and rows
        office.get(f"{url}rows/", {"side": "assigned"})
    with django_assert_num_queries(9):  # and the current warehouse, and the last change
        office.get(url)


# --- Saving -----------------------------------------------------------------------------------------------------
def test_saving_assigns_and_deassigns_at_once_and_says_how_many(
    office: Client, url: str, pat: User, pat_north: WarehouseUserAssignment, river: Warehouse, mill: Warehouse
) -> None:
    answer = office.post(url, {"assign": ids(river, mill), "deassign": ids(pat_north.warehouse)})

    assert answer.status_code == 302
    assert answer["Location"] == f"{url}#saved"
    assert said(answer) == [f"{UPDATED} 2 assigned, 1 deassigned."]
    assert warehouses_of(pat) == {"River Annex", "Old Mill"}
    assert not pat.assignments.filter(is_active=True).exists()


def test_saving_nothing_changes_nothing(
    office: Client, url: str, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        answer = office.post(url, {"assign": "", "deassign": "", "current": ""})

    assert said(answer) == [f"{UPDATED} 0 assigned, 0 deassigned."]


def test_the_active_warehouse_is_switched_and_cleared(
    office: Client, url: str, pat: User, pat_north: WarehouseUserAssignment, river: Warehouse
) -> None:
    pat_north.activate()

    office.post(url, {"assign": ids(river), "current": river.pk})
    assert [row.warehouse for row in pat.assignments.filter(is_active=True)] == [river]

    office.post(url, {"current": "none"})
    assert not pat.assignments.filter(is_active=True).exists()


def test_saving_says_where_the_person_works_then(
    office: Client, url: str, pat_north: WarehouseUserAssignment, river: Warehouse
) -> None:
    assert said(office.post(url, {"current": pat_north.warehouse_id})) == [
        f"{UPDATED} The current warehouse is North Dock now."
    ]
    assert said(office.post(url, {"assign": ids(river), "current": river.pk}))[1:] == [
        f"{UPDATED} 1 assigned, 0 deassigned. The current warehouse is River Annex now."
    ]
    assert said(office.post(url, {"current": "none"}))[2:] == [f"{UPDATED} There is no current warehouse now."]


def test_a_current_warehouse_that_is_not_available_is_warned_about(
    office: Client, url: str, pat: User, mill: Warehouse
) -> None:
    warning = "“Old Mill” is not available: nobody can work there until it is."
    answer = office.post(url, {"assign": ids(mill), "current": mill.pk})
    assert said(answer)[1:] == [warning]
    page = office.get(url)
    assert page.context["is_idle"]
    (row,) = rows(office, url, side="assigned")["rows"]
    assert (row["here"], row["idle"]) == (False, True)


def test_whoever_is_deactivated_works_nowhere_now(
    office: Client, url: str, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    User.objects.filter(pk=pat.pk).update(status=User.Status.BLOCKED)
    page = office.get(url).content.decode()
    assert "The user is not active. Once active again, they work in North Dock." in page
    (row,) = rows(office, url, side="assigned")["rows"]
    assert (row["here"], row["idle"]) == (False, True)


def test_a_warehouse_that_is_not_assigned_cannot_be_stood_in(
    office: Client, url: str, north: Warehouse, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        answer = office.post(url, {"current": north.pk})

    assert (
        said(answer)[1] == "The warehouse to activate is not assigned any more; the current warehouse was not changed."
    )


def test_what_was_deleted_since_is_left_out_and_reported(office: Client, url: str, pat: User, north: Warehouse) -> None:
    answer = office.post(url, {"assign": f"{north.pk},999999999"})

    assert warehouses_of(pat) == {"North Dock"}
    assert "1 chosen row is not there any more and was left out." in said(answer)


def test_the_reason_given_is_kept_in_the_history(office: Client, url: str, olive: User, north: Warehouse) -> None:
    office.post(url, {"assign": ids(north), "change_reason": "Summer season"})

    event = events().get()
    assert (event.pgh_context["reason"], event.pgh_context["user"]) == ("Summer season", olive.pk)


@pytest.mark.thorough
def test_twenty_thousand_warehouses_are_assigned_in_one_go(office: Client, url: str, pat: User) -> None:
    sheds = Warehouse.objects.bulk_create([Warehouse(name=f"Shed {n:05}") for n in range(20_000)], batch_size=5_000)
    with connection.cursor() as cursor:  # as autovacuum does; else foreign keys are checked by a plan for a small table
        cursor.execute("ANALYZE warehouses_warehouse")

    answer = office.post(url, {"assign": ids(*sheds)})

    assert said(answer) == [f"{UPDATED} 20000 assigned, 0 deassigned."]


# --- Without scripts --------------------------------------------------------------------------------------------
def test_without_scripts_the_boxes_of_one_page_are_applied(
    office: Client, url: str, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    north, river = pat_north.warehouse, pat_river.warehouse

    office.post(url, {"was_ticked": [north.pk, river.pk], "ticked": [river.pk], "current": ["", river.pk]})
    assert warehouses_of(pat) == {"River Annex"}
    assert pat.assignments.get().is_active

    office.post(url, {"ticked": [north.pk]})
    assert warehouses_of(pat) == {"River Annex", "North Dock"}


def test_without_scripts_an_untouched_choice_undoes_no_switch_of_others(
    office: Client, url: str, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_river.activate()

    office.post(url, {"current": pat_north.warehouse_id, "was_current": pat_north.warehouse_id})

    pat_river.refresh_from_db()
    assert pat_river.is_active


# --- Refusals ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fields", [{"is_warehouse_user": False}, {"status": "deleted"}])
def test_only_a_warehouse_user_has_this_page(
    office: Client, url: str, pat: User, north: Warehouse, fields: dict[str, Any], nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=pat.pk).update(**fields)

    with nothing_changes():
        answers = [office.get(url), office.post(url, {"assign": ids(north)}), office.get(f"{url}rows/")]

    for answer in answers:
        assert answer.status_code == 302
        assert answer["Location"] == reverse("admin:users_user_changelist")
    assert said(answers[0])[0] == "User could not be found."


@pytest.mark.parametrize("uuid", ["7b0e3b8c-0000-4000-8000-000000000000", "nonsense", "1"])
def test_an_unknown_user_is_reported_on_the_list(office: Client, uuid: str) -> None:
    answer = office.get(reverse("admin:assignments_assign_warehouses", args=[uuid]))

    assert answer["Location"] == reverse("admin:users_user_changelist")
    assert said(answer) == ["User could not be found."]


@pytest.mark.parametrize(
    "data",
    [
        {"assign": "1,x"},
        {"assign": "-1"},
        {"deassign": "9" * 30},
        {"assign": "²"},
        {"assign": "7", "deassign": "7"},
        {"current": "x"},
        {"seen": "x"},
        {"change_reason": "x" * 256},
    ],
)
def test_a_selection_that_cannot_be_read_changes_nothing(
    office: Client, url: str, data: dict[str, str], nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        answer = office.post(url, data)

    assert said(answer) == ["The selection could not be read. Nothing was changed; please select again."]


def test_who_may_only_look_sees_it_and_changes_nothing(
    reader: Client, url: str, pat_north: WarehouseUserAssignment, river: Warehouse, nothing_changes: Callable[[], Any]
) -> None:
    page = reader.get(url).content.decode()
    assert "Assign Warehouse to User" in page
    assert "Select All" not in page
    assert "Select warehouses to assign" not in page
    assert names(reader, url, side="assigned") == ["North Dock"]

    with nothing_changes():
        for data in ({"assign": ids(river)}, {"deassign": ids(pat_north.warehouse)}, {"current": "none"}):
            assert reader.post(url, data).status_code == 403


def test_to_switch_needs_the_right_to_change(
    olive: User, url: str, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    client = staff(olive, "view", "add", "delete")

    with nothing_changes():
        assert client.post(url, {"current": pat_north.warehouse_id}).status_code == 403


def test_without_the_right_to_view_there_is_nothing(
    olive: User, url: str, north: Warehouse, nothing_changes: Callable[[], Any]
) -> None:
    client = staff(olive)

    with nothing_changes():
        for answer in (client.get(url), client.get(f"{url}rows/"), client.get(f"{url}changes/")):
            assert answer.status_code == 403
        assert client.post(url, {"assign": ids(north)}).status_code == 403


def test_nobody_gets_in_without_signing_in(client: Client, url: str) -> None:
    for path in (url, f"{url}rows/", f"{url}changes/"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]
