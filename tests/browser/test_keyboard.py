"""What Unfold gives to the mouse alone, by keyboard: filters of a list, menu of a row, menu of the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from users.models import User

pytestmark = pytest.mark.thorough

MOST_TABS = 60


@pytest.fixture
def office(open_page: Callable[..., Page], olive: User) -> Callable[..., Page]:
    """A page of somebody who may do everything, at this address."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)

    def office(path: str, width: int = 1440) -> Page:
        page = open_page(olive, viewport={"width": width, "height": 900}, reduced_motion="reduce")
        page.goto(path)
        page.wait_for_load_state("networkidle")
        return page

    return office


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the button of this name has the focus, as somebody without a mouse would."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        found = page.evaluate("(document.activeElement.ariaLabel ?? document.activeElement.innerText ?? '').trim()")
        if found.startswith(name):
            return
    raise AssertionError(f"no way to {name!r} by keyboard")


def test_a_list_is_filtered_by_keyboard(office: Callable[..., Page], pat: User, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(status="blocked")
    page = office("/admin/users/user/")
    tab_to(page, "Filters")
    page.keyboard.press("Enter")
    panel = page.locator("#changelist-filter")
    expect(panel).to_be_visible()
    expect(panel.locator(":focus")).to_have_count(1)

    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Filters")).to_be_focused()

    page.keyboard.press("Space")
    expect(panel.locator(":focus")).to_have_count(1)
    blocked = panel.locator('input[name="status"][value="blocked"]')
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(blocked).to_be_checked()
    page.keyboard.press("Enter")
    page.wait_for_url("**status=blocked**")
    expect(page.locator("#result_list")).to_contain_text(sam.email)
    expect(page.locator("#result_list")).not_to_contain_text(pat.email)


def test_the_menu_of_a_row_is_opened_by_keyboard(office: Callable[..., Page], north: Any) -> None:
    page = office("/admin/warehouses/warehouse/")
    view = page.locator(f".row-menu a[href='/admin/warehouses/warehouse/{north.pk}/view/']")
    tab_to(page, f"Actions: {north.name}")
    page.keyboard.press("Enter")
    expect(view).to_be_visible()
    page.keyboard.press("Tab")
    expect(view).to_be_focused()
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(page.get_by_role("button", name=f"Actions: {north.name}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(view).to_be_visible()
    page.keyboard.press("Tab")
    expect(view).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/warehouses/warehouse/{north.pk}/change/")


def test_the_first_row_is_within_five_tabs(office: Callable[..., Page], pat: User) -> None:
    page = office("/admin/users/user/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the first row")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody").first.locator(":focus")).to_have_count(1)


def test_the_menu_is_skipped(office: Callable[..., Page]) -> None:
    page = office("/admin/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#content :focus")).to_have_count(1)


@pytest.mark.parametrize("path", ["/admin/users/user/", "/admin/", "/admin/history/", "assign"])
def test_a_slash_searches(office: Callable[..., Page], north: Any, path: str) -> None:
    page = office(path if path != "assign" else f"/admin/warehouses/warehouse/{north.pk}/people/")
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement?.matches('input:not([type=checkbox])')")
    page.keyboard.type("a/?")
    assert page.evaluate("document.activeElement.value") == "a/?"
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_a_question_mark_lists_the_keys(office: Callable[..., Page]) -> None:
    page = office("/admin/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 820])
def test_the_menu_of_the_site_is_shown_and_hidden_by_keyboard(office: Callable[..., Page], width: int) -> None:
    page = office("/admin/", width)
    entry = page.locator("a[href='/admin/warehouses/warehouse/']").first
    expect(page.get_by_role("button", name="Menu")).to_have_count(1)
    at_first = width > 1000
    expect(entry).to_be_visible(visible=at_first)
    tab_to(page, "Menu")
    page.keyboard.press("Enter")
    expect(entry).to_be_visible(visible=not at_first)
    page.keyboard.press("Enter")
    expect(entry).to_be_visible(visible=at_first)
