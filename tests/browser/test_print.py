"""Lists on paper: whole, as a table, with title, filter and date."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from users.models import User

#: A4 without margins, at 96 pixels an inch.
PAPER = {"width": 703, "height": 1009}
#: Whether nothing hides an element: it has a size, and no element around it ends before it does.
IS_WHOLE = """element => {
    const {bottom, right, height} = element.getBoundingClientRect();
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
        const edge = box.getBoundingClientRect();
        const clips = getComputedStyle(box).overflow !== "visible";
        if (clips && (edge.bottom < bottom - 1 || edge.right < right - 1)) return false;
    }
    return height > 0;
}"""

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(open_page: Callable[..., Page], olive: User) -> Page:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    User.objects.bulk_create(
        User(email=f"pia.{n:02}@example.test", first_name="Pia", last_name=f"Nr. {n:02}", is_warehouse_user=True)
        for n in range(31)
    )
    return open_page(olive, viewport={"width": 1440, "height": 900})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_list_of_31_people_is_printed_whole(page: Page, theme: Any) -> None:
    page.emulate_media(media="print", color_scheme=theme)
    page.set_viewport_size(PAPER)  # type: ignore[arg-type]
    page.goto("/admin/users/user/?q=pia&kind=warehouse")
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(31)
    assert [row.evaluate(IS_WHOLE) for row in rows.all()] == [True] * 31
    assert rows.last.evaluate("row => getComputedStyle(row).display") == "table-row"
    assert page.locator("#result_list thead").evaluate("head => getComputedStyle(head).display") == "table-header-group"

    head = page.locator(".print-head")
    expect(head.get_by_role("heading")).to_have_text("Users")
    expect(head).to_contain_text("Search: pia")
    expect(head).to_contain_text("Kind of user: Warehouse users")
    expect(head).to_contain_text(re.compile(r"\d{4}"))
    for control in ("#changelist-search", ".row-button", "input.action-select", "[aria-controls=user-links]"):
        expect(page.locator(control).first).to_be_hidden()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PAPER["width"]
    colour = rows.last.locator("td").first.evaluate("cell => getComputedStyle(cell).color")
    assert colour == "rgb(0, 0, 0)"


def test_on_screen_there_is_no_head_for_paper(page: Page) -> None:
    page.goto("/admin/users/user/?q=pia")
    expect(page.locator("#result_list")).to_be_visible()
    expect(page.locator(".print-head")).to_be_hidden()


def test_a_list_of_several_pages_is_printed_whole_once_all_of_it_is_shown(page: Page) -> None:
    User.objects.bulk_create(
        User(email=f"paul.{n:03}@example.test", first_name="Paul", last_name=f"Nr. {n}") for n in range(250)
    )
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/admin/users/user/?q=paul")
    expect(page.locator(".print-head")).to_contain_text("Part 1 of 5 of the list. “Show all” at its foot")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(250)
    expect(page.locator(".print-head")).not_to_contain_text("Part")
