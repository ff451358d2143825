"""The page that shows a secret once, in a real browser: copied with a click, also over plain http."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.support.back_office.accessibility import faults
from users.models import User
from users.models.oauth.client import Client

pytestmark = pytest.mark.thorough


def register_printer(page: Page) -> str:
    """Fills in the form of a confidential client; returns the secret that is shown then."""
    page.goto(reverse("admin:users_client_add"))
    page.get_by_label("Client ID").fill("label-printer")
    page.get_by_label("Name", exact=False).first.fill("Label printer")
    page.get_by_label("Yes: it is a program on a server").check()
    page.get_by_role("button", name="Save").click()
    return page.get_by_label("Secret").input_value()


@pytest.fixture
def admin(olive: User) -> User:
    olive.is_superuser = True
    olive.save()
    return olive


def test_a_secret_is_copied_with_one_click(open_page: Callable[..., Page], admin: User) -> None:
    page = open_page(admin, permissions=["clipboard-read", "clipboard-write"])
    secret = register_printer(page)
    assert Client.objects.get().check_client_secret(secret)

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert secret not in page.url


def test_where_there_is_no_clipboard_the_secret_is_copied_all_the_same(
    open_page: Callable[..., Page], admin: User
) -> None:
    """Over plain http, browsers offer none."""
    page = open_page(admin)
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    secret = register_printer(page)

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == secret


def test_the_page_of_the_secret_has_no_serious_fault(open_page: Callable[..., Page], admin: User) -> None:
    page = open_page(admin)
    register_printer(page)
    page.wait_for_load_state("networkidle")
    assert faults(page) == []
