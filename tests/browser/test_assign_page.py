"""The assign pages in a real browser: with a mouse, with only a keyboard, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from assignments.models import WarehouseUserAssignment
from users.models import User
from warehouses.models import Warehouse

MARKUP = "<img src=x onerror=alert(1)>"
UPDATED = "Warehouse user assignments are updated."
WIDE = {"width": 1440, "height": 900}

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def admin(olive: User) -> User:
    olive.is_superuser = True
    olive.save()
    return olive


@pytest.fixture
def sheds(live_server: Any) -> list[Warehouse]:
    """Three hundred warehouses: Dock 000 to 149 and Shed 150 to 299."""
    names = [f"{'Dock' if n < 150 else 'Shed'} {n:03}" for n in range(300)]
    return Warehouse.objects.bulk_create(Warehouse(name=name, is_active=name != "Dock 002") for name in names)


@pytest.fixture
def assigned(pat: User, sheds: list[Warehouse]) -> list[Warehouse]:
    """Ten of them, assigned to Pat, who works in the first now."""
    WarehouseUserAssignment.objects.set_warehouses(pat, add=sheds[290:], remove=[])
    pat.assignments.get(warehouse=sheds[290]).activate()
    return sheds[290:]


def address_of(user: User) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[user.uuid])


def names_of(user: User) -> set[str]:
    return set(user.assignments.values_list("warehouse__name", flat=True))


def available(page: Page) -> Locator:
    return page.locator("#available-tab")


def tick(panel: Locator, *names: str) -> None:
    for name in names:
        panel.get_by_role("checkbox", name=f"Select {name}").click()


def row_names(panel: Locator) -> list[str]:
    return panel.locator(".assign-row-title").all_text_contents()


def search(panel: Locator, text: str, first: str) -> None:
    """Types it, and waits for the answer."""
    panel.get_by_role("searchbox").fill(text)
    expect(panel.locator("td.assign-name").first).to_have_text(first)


def turn(panel: Locator, first: str) -> None:
    panel.get_by_role("button", name="Next").click()
    expect(panel.locator("td.assign-name").first).to_have_text(first)


@pytest.fixture
def page(open_page: Callable[..., Page], admin: User, pat: User, assigned: list[Warehouse]) -> Page:
    """The page of Pat, who has ten warehouses of three hundred."""
    page = open_page(admin, viewport=WIDE)
    page.goto(address_of(pat))
    expect(available(page).get_by_text("290 found")).to_be_visible()
    return page


def pick_twenty(panel: Locator) -> None:
    """On three pages of the list, and in two searches."""
    tick(panel, "Dock 000", "Dock 001", "Dock 002")
    turn(panel, "Dock 010")
    tick(panel, "Dock 010", "Dock 011")
    turn(panel, "Dock 020")
    tick(panel, "Dock 020")
    search(panel, "shed 15", "Shed 150")
    panel.get_by_role("button", name="Select All", exact=True).click()  # ten: 150 to 159; 215 is on the next page
    search(panel, "shed 26", "Shed 226")
    tick(panel, *[f"Shed {n}" for n in range(260, 264)])


TWENTY = {f"Dock {n:03}" for n in (0, 1, 2, 10, 11, 20)} | {f"Shed {n}" for n in [*range(150, 160), *range(260, 264)]}


def test_twenty_of_three_hundred_are_assigned_over_pages_and_searches_and_three_deassigned(
    page: Page, pat: User
) -> None:
    pick_twenty(available(page))
    expect(page.get_by_role("tab", name="Warehouses to be assigned (20)")).to_be_visible()
    tick(page.locator("#assigned-tab"), "Shed 297", "Shed 298", "Shed 299")
    page.get_by_role("tab", name="Warehouses to be deassigned (3)").click()
    assert row_names(page.locator("#picked-assigned-tab")) == ["Shed 297", "Shed 298", "Shed 299"]

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(f"{UPDATED} 20 assigned, 3 deassigned.")).to_be_visible()
    assert names_of(pat) == TWENTY | {f"Shed {n}" for n in range(290, 297)}


def test_what_was_ticked_is_ticked_still_after_searching_sorting_and_paging(page: Page) -> None:
    panel = available(page)
    pick_twenty(panel)

    search(panel, "dock 01", "Dock 001")
    boxes = panel.get_by_role("checkbox")
    assert [boxes.nth(n).is_checked() for n in range(10)] == [n < 3 for n in range(10)]
    panel.get_by_role("button", name="Name").click()
    panel.get_by_role("button", name="Name").click()
    expect(panel.locator("td.assign-name").first).to_have_text("Dock 101")
    assert [boxes.nth(n).is_checked() for n in range(10)] == [n > 8 for n in range(10)]


def test_remove_takes_a_row_back_and_empties_its_box(page: Page) -> None:
    panel = available(page)
    pick_twenty(panel)
    search(panel, "dock 01", "Dock 001")
    page.get_by_role("tab", name="Warehouses to be assigned (20)").click()
    picked = page.locator("#picked-available-tab")
    expect(picked.get_by_role("heading", name="Selected warehouses")).to_be_visible()
    assert len(row_names(picked)) == 10  # and ten more on the next page

    picked.get_by_role("button", name="Remove Dock 011").click()
    expect(page.get_by_role("tab", name="Warehouses to be assigned (19)")).to_be_visible()
    page.get_by_role("tab", name="Select warehouses to assign").click()

    expect(panel.get_by_role("checkbox", name="Select Dock 011")).not_to_be_checked()
    expect(panel.get_by_role("checkbox", name="Select Dock 010")).to_be_checked()


def test_all_that_match_are_selected_in_one_go(
    open_page: Callable[..., Page], admin: User, pat: User, sheds: list[Warehouse]
) -> None:
    page = open_page(admin, viewport=WIDE)
    page.goto(address_of(pat))
    panel = available(page)

    search(panel, "shed", "Shed 150")
    panel.get_by_role("button", name="Select all 150 that match").click()
    expect(page.get_by_role("tab", name="Warehouses to be assigned (150)")).to_be_visible()
    tick(panel, "Shed 150")  # all but this one
    page.get_by_role("tab", name="Warehouses to be assigned (149)").click()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("149 assigned, 0 deassigned.")).to_be_visible()
    assert pat.assignments.count() == 149


def test_a_row_taken_back_before_the_answer_to_select_all_stays_so(page: Page) -> None:
    panel = available(page)
    search(panel, "dock 0", "Dock 000")
    tick(panel, "Dock 001")
    held: list[Route] = []
    page.route("**/*all=1*", lambda route: held.append(route))  # a built-in method would not do
    with page.expect_request("**/*all=1*"):
        panel.get_by_role("button", name="Select all 114 that match").click()

    tick(panel, "Dock 001")
    held.pop().continue_()

    expect(page.get_by_role("tab", name="Warehouses to be assigned (113)")).to_be_visible()
    expect(panel.get_by_role("checkbox", name="Select Dock 001")).not_to_be_checked()
    page.unroute("**/*all=1*")
    panel.get_by_role("button", name="Select all 114 that match").click()  # asked for anew, it comes
    expect(page.get_by_role("tab", name="Warehouses to be assigned (114)")).to_be_visible()


def test_the_active_warehouse_is_marked_switched_and_cleared(page: Page, pat: User, assigned: list[Warehouse]) -> None:
    current = page.get_by_role("region", name="Active warehouse")
    expect(current).to_contain_text("Works now in: Shed 290")

    page.get_by_role("button", name="Make Shed 293 the active warehouse").click()
    expect(current).to_contain_text("after saving: Shed 293")
    page.get_by_role("button", name="Save").click()
    expect(current).to_contain_text("Works now in: Shed 293")
    assert pat.assignments.get(is_active=True).warehouse == assigned[3]

    current.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Save").click()
    expect(current).to_contain_text("Works now in: nowhere")
    assert not pat.assignments.filter(is_active=True).exists()


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until this has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    pytest.fail("the Tab key does not lead there")


def test_a_keyboard_is_enough(page: Page, pat: User) -> None:
    available(page).get_by_role("searchbox").focus()
    page.keyboard.type("dock 007")
    page.keyboard.press("Enter")
    expect(page.locator("#available-tab td.assign-name")).to_have_text(["Dock 007"])
    box = page.get_by_role("checkbox", name="Select Dock 007")
    tab_to(page, box)
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_have_text("To be assigned: 1. To be deassigned: 0.")
    expect(box).to_be_focused()

    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("1 assigned, 0 deassigned.")).to_be_visible()
    assert "Dock 007" in names_of(pat)


def test_arrow_keys_move_between_the_tabs_of_a_pair(page: Page) -> None:
    first, second = (page.locator(f"#{name}-tab-label") for name in ("available", "picked-available"))
    first.focus()

    page.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    expect(page.locator("#picked-available-tab")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(first).to_be_focused()
    expect(page.locator("#picked-available-tab")).to_be_hidden()
    page.keyboard.press("End")
    expect(second).to_have_attribute("aria-selected", "true")


def test_a_warehouse_named_like_markup_is_text_on_all_four_tabs(
    open_page: Callable[..., Page], admin: User, pat: User, assign: Callable[..., Any], live_server: Any
) -> None:
    assign(pat, Warehouse.objects.create(name=MARKUP), is_active=True)
    Warehouse.objects.create(name=f"{MARKUP} 2")
    page = open_page(admin, viewport=WIDE)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    page.on("dialog", note)
    page.goto(address_of(pat))

    tick(available(page), f"{MARKUP} 2")
    tick(page.locator("#assigned-tab"), MARKUP)
    for tab, name in (("available", f"{MARKUP} 2"), ("assigned", MARKUP)):
        assert row_names(page.locator(f"#{tab}-tab")) == [name]
        page.locator(f"#picked-{tab}-tab-label").click()
        assert row_names(page.locator(f"#picked-{tab}-tab")) == [name]
    assert page.locator("form#assign img").count() == 0

    page.goto(reverse("admin:assignments_assign_people", args=[Warehouse.objects.order_by("pk")[0].uuid]))
    expect(page.get_by_role("heading", name=MARKUP).first).to_be_visible()
    assert dialogs == ["beforeunload"], "only the warning about what is not saved"


def test_a_session_that_ends_costs_nobody_their_selection(page: Page, admin: User, pat: User, live_server: Any) -> None:
    cookies = page.context.cookies()
    tick(available(page), "Dock 001", "Dock 002")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile("/admin/login/"))

    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == settings.SESSION_COOKIE_NAME])  # type: ignore[misc]
    page.goto(address_of(pat))

    expect(page.get_by_role("alert")).to_contain_text("Your selection was not saved yet.")
    expect(page.get_by_role("tab", name="Warehouses to be assigned (2)")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("2 assigned, 0 deassigned.")).to_be_visible()
    expect(page.get_by_text("was not saved yet")).to_have_count(0)


def test_a_list_that_needs_a_new_sign_in_says_so_and_leads_back(page: Page, admin: User, pat: User) -> None:
    cookies = page.context.cookies()
    tick(available(page), "Dock 001")
    page.get_by_role("textbox", name="Reason").fill("New in the north")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    available(page).get_by_role("button", name="Next").click()

    expect(page.get_by_role("alert")).to_have_text(
        "Your session has ended. Your selection is kept in this tab. Sign in and go on"
    )
    available(page).get_by_role("button", name="Next").click()
    expect(page.get_by_role("link", name="Sign in and go on")).to_have_count(1)
    page.get_by_role("link", name="Sign in and go on").click()
    expect(page).to_have_url(re.compile(f"/admin/login/\\?next={address_of(pat)}$"))

    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == settings.SESSION_COOKIE_NAME])  # type: ignore[misc]
    page.reload()
    expect(page).to_have_url(re.compile(f"{address_of(pat)}$"))
    expect(page.get_by_role("tab", name="Warehouses to be assigned (1)")).to_be_visible()
    expect(page.get_by_role("textbox", name="Reason")).to_have_value("New in the north")


def test_a_concurrent_change_is_shown_on_the_open_page(page: Page, pat: User, sheds: list[Warehouse]) -> None:
    tick(available(page), "Dock 001")

    WarehouseUserAssignment.objects.set_warehouses(pat, add=[sheds[0]], remove=[sheds[299]])
    page.evaluate("dispatchEvent(new Event('focus'))")

    expect(page.get_by_role("alert")).to_contain_text("“Dock 000” was also assigned by someone in the database.")
    expect(page.get_by_role("alert")).to_contain_text("“Shed 299” was also deassigned by someone in the database.")
    expect(page.get_by_role("checkbox", name="Select Dock 001")).to_be_checked()


def test_the_same_form_works_without_scripts(
    open_page: Callable[..., Page], admin: User, pat: User, assigned: list[Warehouse]
) -> None:
    page = open_page(admin, viewport=WIDE, java_script_enabled=False)
    page.goto(address_of(pat))
    page.get_by_role("searchbox", name="Search by name or ID").fill("dock 00")
    page.get_by_role("button", name="Search", exact=True).click()
    for name in ("Dock 003", "Dock 004"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("2 assigned, 0 deassigned.")).to_be_visible()

    page.get_by_role("link", name="Assigned warehouses").click()
    page.get_by_role("checkbox", name="Select Shed 297").uncheck()
    page.get_by_role("radio", name="Make Dock 003 the active warehouse").check()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("0 assigned, 1 deassigned.")).to_be_visible()
    assert {"Dock 003", "Dock 004"} < names_of(pat)
    assert "Shed 297" not in names_of(pat)
    assert pat.assignments.get(is_active=True).warehouse.name == "Dock 003"


def test_people_are_assigned_from_a_warehouse(
    open_page: Callable[..., Page], admin: User, pat: User, sam: User, olive: User, sheds: list[Warehouse]
) -> None:
    WarehouseUserAssignment.objects.set_warehouses(pat, add=sheds[:1], remove=[])
    pat.assignments.get().activate()
    page = open_page(admin, viewport=WIDE)
    page.goto(reverse("admin:assignments_assign_people", args=[sheds[0].uuid]))

    expect(page.locator("#assigned-tab tbody tr")).to_contain_text("Works here now")
    expect(page.locator("#available-tab td.assign-name")).to_have_text([sam.email])
    tick(page.locator("#available-tab"), sam.email)
    tick(page.locator("#assigned-tab"), pat.email)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("1 assigned, 1 deassigned.")).to_be_visible()
    assert (names_of(pat), names_of(sam)) == (set(), {"Dock 000"})
