"""The page of a warehouse says who is here: names with links, those who work here now first, to search and export."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.support.back_office.staff import LIST, signed_in
from users import roles
from users.models import User
from warehouses.models import Warehouse

HOUSES, ASSIGNMENTS = "/admin/warehouses/warehouse/", "/admin/assignments/warehouseuserassignment/"


def rows(page: str) -> list[list[str]]:
    """The text of each cell of the page's table of people."""
    table = page.partition('<table class="history">')[2].partition("</table>")[0].partition("<tbody>")[2]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("</tr>")[:-1]]
    return [[" ".join(unescape(re.sub(r"<[^>]+>", "", cell)).split()) for cell in row] for row in cells]


def page_of(browser: Client, warehouse: Warehouse) -> str:
    return browser.get(f"{HOUSES}{warehouse.pk}/view/").content.decode()


@pytest.fixture
def clerk(olive: User) -> Callable[..., Client]:
    def sign_in_with(*rights: str) -> Client:
        olive.user_permissions.set(Permission.objects.filter(roles.named(rights)))
        return signed_in(User.objects.get(pk=olive.pk))

    return sign_in_with


def test_those_who_work_here_now_are_first_with_links_to_their_pages(
    as_manager: Client, pat: User, sam: User, pat_north: Any, sam_north: Any, pat_river: Any, north: Warehouse
) -> None:
    pat_north.activate()
    page = page_of(as_manager, north)
    assert [row[:3] for row in rows(page)] == [
        ["Pat Picker", "pat.picker@example.test", "Yes"],
        ["Sam Stacker", "sam.stacker@example.test", "No"],
    ]
    for person in (pat, sam):
        assert f'href="{LIST}{person.pk}/view/"' in page


def test_who_cannot_work_now_is_listed_with_the_reason(
    as_manager: Client, pat: User, pat_north: Any, north: Warehouse
) -> None:
    pat_north.activate()
    User.objects.filter(pk=pat.pk).update(status="deleted")
    assert rows(page_of(as_manager, north))[0][2] == "Not now: Deleted"


def test_people_here_are_searched_and_exported(
    as_manager: Client, sam: User, pat_north: Any, sam_north: Any, pat_river: Any, north: Warehouse
) -> None:
    page = page_of(as_manager, north)
    assert f'action="{ASSIGNMENTS}"' in page
    assert f'<input type="hidden" name="warehouse__id__exact" value="{north.pk}">' in page
    found = as_manager.get(ASSIGNMENTS, {"warehouse__id__exact": str(north.pk), "q": "sam"})
    assert [row.user for row in found.context["cl"].result_list] == [sam]
    (export,) = re.findall(r'href="([^"]*/export/[^"]*)"', page)
    assert export == f"{ASSIGNMENTS}export/?warehouse__id__exact={north.pk}"
    assert as_manager.get(export).status_code == 200


def test_the_list_of_assignments_names_people_and_leads_to_their_pages(
    as_manager: Client, pat: User, pat_north: Any
) -> None:
    answer = as_manager.get(ASSIGNMENTS)
    assert answer.context["title"] == "Assignments"
    assert f'<a class="text-link" href="{LIST}{pat.pk}/view/">Pat Picker</a>' in answer.content.decode()


def test_who_may_not_see_people_sees_names_without_e_mails_and_links(
    clerk: Callable[..., Client], pat_north: Any, north: Warehouse
) -> None:
    browser = clerk("warehouses.view_warehouse", "assignments.view_warehouseuserassignment")
    page = page_of(browser, north)
    assert [row[:2] for row in rows(page)] == [["Pat Picker", "No"]]
    for hidden in ("pat.picker@", LIST, "/export/"):
        assert hidden not in page.partition('id="content"')[2]


def test_who_may_not_see_assignments_sees_nobody(
    clerk: Callable[..., Client], pat_north: Any, north: Warehouse
) -> None:
    pat_north.activate()
    page = page_of(clerk("warehouses.view_warehouse", "users.view_user"), north)
    assert "Picker" not in page
    assert ASSIGNMENTS not in page


@pytest.mark.parametrize("number", [1, 30])
def test_the_page_costs_the_same_for_any_number_of_people(
    as_ada: Client, make_user: Any, assign: Any, north: Warehouse, number: int, django_assert_num_queries: Any
) -> None:
    """Session, user; warehouse, its figures, people."""
    for n in range(number):
        assign(make_user(f"p.{n}@example.test", is_warehouse_user=True), north)
    with django_assert_num_queries(5):
        page = page_of(as_ada, north)
    assert len(rows(page)) == min(number, 20)
