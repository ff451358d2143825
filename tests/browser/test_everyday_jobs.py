"""Everyday jobs in a few clicks: hire, answer a call about a lost phone, say who is in a warehouse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.api.client import PASSWORD, sign_in
from users.models import Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough


class Clicks:
    """Clicks, counted."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, what: Locator) -> None:
        self.number += 1
        what.click()


@pytest.fixture
def click() -> Clicks:
    return Clicks()


@pytest.fixture
def office(open_page: Callable[..., Page], olive: User) -> Callable[..., Page]:
    """The dashboard of an administrator."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)

    def opened(**options: Any) -> Page:
        page = open_page(olive, **options)
        page.goto("/admin/")
        return page

    return opened


def choose(page: Page, text: str, name: str) -> None:
    """Types into the search of the open field, and takes what is found."""
    page.keyboard.type(text)
    expect(page.locator(".select2-results__option--highlighted")).to_have_text(name)
    page.keyboard.press("Enter")


def test_somebody_is_hired_with_three_warehouses_by_one_save(
    office: Callable[..., Page], click: Clicks, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    page = office(viewport={"width": 1440, "height": 900})
    click(page.get_by_role("link", name="Hire a warehouse user"))
    for label, text in (("E-mail", "sally.season@example.test"), ("First Name", "Sally"), ("Last Name", "Season")):
        page.get_by_role("textbox", name=label).fill(text)
    for name in ("password1", "password2"):
        page.locator(f"#id_{name}").fill(PASSWORD)
    click(page.locator(".field-current .select2-selection"))
    choose(page, "river", "River Annex")
    click(page.locator(".field-warehouses .select2-selection"))
    choose(page, "north", "North Dock")
    choose(page, "mill", "Old Mill")
    click(page.get_by_role("button", name="Create"))
    expect(page).to_have_title(re.compile("^Sally Season"))
    expect(page.get_by_role("link", name="Assign Warehouses")).to_be_visible()
    sally = User.objects.get(email="sally.season@example.test")
    assert sally.is_warehouse_user
    places = dict(sally.assignments.values_list("warehouse__name", "is_active"))
    assert places == {"North Dock": False, "River Annex": True, "Old Mill": False}
    assert click.number <= 6


def test_a_call_about_a_lost_phone_is_answered_with_three_clicks(
    office: Callable[..., Page], click: Clicks, pat: User, sam: User
) -> None:
    sign_in(pat.email)
    page = office(viewport={"width": 1440, "height": 900})
    click(page.locator("#nav-sidebar").get_by_role("link", name=re.compile("Users$")).first)
    page.locator("#searchbar").fill("picker")
    page.keyboard.press("Enter")
    click(page.get_by_role("link", name="Picker", exact=True))
    click(page.get_by_role("button", name="End session"))
    expect(page.get_by_text("1 session was ended.")).to_be_visible()
    expect(page).to_have_title(re.compile("^Pat Picker"))
    assert not Session.objects.live().exists()
    assert click.number == 3


def test_who_works_in_a_warehouse_now_is_seen_with_two_clicks(
    office: Callable[..., Page], click: Clicks, pat_river: Any, sam_north: Any
) -> None:
    pat_river.activate()
    page = office(viewport={"width": 1440, "height": 900})
    click(page.locator("#nav-sidebar").get_by_role("link", name=re.compile("Warehouses$")))
    click(page.get_by_role("link", name="River Annex"))
    row = page.locator(".history tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Pat Picker")
    expect(row).to_contain_text("Yes")
    assert click.number == 2


def test_the_place_of_somebody_is_changed_without_scripts(
    open_page: Callable[..., Page], olive: User, pat_north: Any, pat_river: Any
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    page = open_page(olive, java_script_enabled=False)
    page.goto(f"/admin/users/user/{pat_north.user_id}/view/")
    page.get_by_label("Current warehouse").select_option("River Annex")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("The current warehouse is River Annex now.")).to_be_visible()
    expect(page).to_have_title(re.compile("^Pat Picker"))
    pat_river.refresh_from_db()
    assert pat_river.is_active
