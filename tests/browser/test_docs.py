"""The API's page at /docs, as a programmer tries it: signs in by name and password, and lists the assignments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.api.client import PASSWORD
from tests.support.waiting import MOST_SECONDS

pytestmark = pytest.mark.thorough

#: Swagger UI reads each description with a parser that takes a while.
SHOWN = 2_000 * MOST_SECONDS


def test_it_begins_with_signing_in_and_the_assignments(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto("/docs")
    expected = ["Sign in", "Assignments", "Warehouse tokens", "Decisions", "Users", "Warehouses", "Tokens", "Health"]
    tags = page.locator("h3.opblock-tag")
    expect(tags).to_have_count(len(expected), timeout=SHOWN)
    assert [tag.get_attribute("data-tag") for tag in tags.all()] == expected


def test_name_and_password_are_enough_to_try_it(open_page: Callable[..., Page], pat: Any, pat_north: Any) -> None:
    page = open_page()
    page.goto("/docs")
    page.get_by_role("button", name="Authorize", exact=True).click(timeout=SHOWN)
    page.locator("#oauth_username").fill(pat.email)
    page.locator("#oauth_password").fill(PASSWORD)
    page.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(page.get_by_role("button", name="Remove authorization").first).to_be_visible(timeout=SHOWN)
    page.get_by_role("button", name="Close").first.click()
    page.locator("#operations-Assignments-listAssignments .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200", timeout=SHOWN)
    expect(page.locator(".live-responses-table")).to_contain_text(str(pat_north.uuid))


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_it_follows_the_reader_s_colours(open_page: Callable[..., Page], scheme: str, is_dark: bool) -> None:
    page = open_page(color_scheme=scheme)
    page.goto("/docs")
    expect(page.locator("h3.opblock-tag").first).to_be_visible(timeout=SHOWN)
    brightness = """() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"""
    assert (page.evaluate(brightness) < 80) is is_dark
