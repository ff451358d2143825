"""How many people a list shows at once, and the menu of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from users.models import User

pytestmark = pytest.mark.thorough

LIST = "/admin/users/user/"
SCREENS = ((1440, 900), (820, 1180), (390, 844))
#: How many rows of each list are in sight at least, on each of these screens.
ROWS = {LIST: (15, 8, 5), "/admin/assignments/warehouseuserassignment/": (15, 8, 4)}
SHOWN = """() => [...document.querySelectorAll("tr.data-row")].filter((row) => {
    const { left, right, bottom } = row.getBoundingClientRect(), x = (left + right) / 2;
    return bottom <= innerHeight && row.contains(document.elementFromPoint(x, bottom - 2));
}).length"""


@pytest.fixture
def crowd(make_user: Callable[..., User], north: Any, assign: Callable[..., Any]) -> list[User]:
    """Twenty people with names and addresses of usual length, who work somewhere."""
    people = [
        make_user(f"maximiliane.hohenfels-{n}@example.test", is_warehouse_user=True, last_login="2026-11-01T08:00Z")
        for n in range(20)
    ]
    for person in people:
        assign(person, north, is_active=True)
    return people


@pytest.mark.parametrize("language", ["en_US", "de_DE"])
def test_a_screen_shows_so_many_rows(open_page: Callable[..., Page], olive: User, crowd: Any, language: str) -> None:
    """Each page is loaded once for all screens."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True, language=language)
    page = open_page(olive)
    for path, numbers in ROWS.items():
        page.goto(path)
        for (width, height), number in zip(SCREENS, numbers, strict=True):
            page.set_viewport_size({"width": width, "height": height})
            fits = f"([rows, width]) => ({SHOWN})() >= rows && document.documentElement.scrollWidth === width"
            page.wait_for_function(fits, arg=[number, width])  # the frame moves for a moment after a change of size


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_menu_of_the_last_row_on_the_screen_is_seen_whole(
    open_page: Callable[..., Page], olive: User, crowd: list[User], width: int, height: int
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    page = open_page(olive, viewport={"width": width, "height": height})
    page.goto(LIST)
    last = page.get_by_role("button", name=f"Actions: {crowd[9].email}")
    last.scroll_into_view_if_needed()
    last.click()
    menu = page.locator(".row-menu:popover-open")
    expect(menu).to_have_text("Assign WarehousesEditDeactivateDelete")
    expect(menu).to_be_in_viewport(ratio=1)
    menu.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("User was deactivated successfully.")).to_be_visible()
    assert User.objects.get(pk=crowd[9].pk).status == "blocked"
