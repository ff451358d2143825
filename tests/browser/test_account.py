"""What Back Office users do for their own account, and for those they hire, in the browser."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Callable
from pathlib import Path

import pytest
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from users.models import User

pytestmark = pytest.mark.thorough


@pytest.fixture
def office(open_page: Callable[..., Page], olive: User) -> Page:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    return open_page(olive, viewport={"width": 1440, "height": 900})


def test_the_language_is_two_clicks_away(office: Page) -> None:
    office.goto("/admin/users/user/?q=olive")
    office.locator("[aria-controls=user-links]").click()
    office.get_by_role("button", name="Deutsch").click()
    expect(office.locator("html")).to_have_attribute("lang", "de")
    assert office.url.endswith("/admin/users/user/?q=olive")


def test_recovery_codes_are_downloaded_and_copied(office: Page, tmp_path: Path) -> None:
    office.goto("/admin/two-factor/")
    key = office.locator("#two-factor-key").inner_text().replace(" ", "")
    office.locator("#id_code").fill(f"{totp(b32decode(key + '=' * (-len(key) % 8))):06}")
    office.get_by_role("button", name="Switch on").click()
    codes = office.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    shown = codes.all_inner_texts()
    with office.expect_download() as download:
        office.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "codes.txt")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert (tmp_path / "codes.txt").read_text().splitlines() == shown
    office.context.grant_permissions(["clipboard-read", "clipboard-write"])
    office.get_by_role("button", name="Copy").click()
    expect(office.get_by_text("Copied.")).to_be_visible()
    assert office.evaluate("navigator.clipboard.readText()").split() == shown


def test_a_password_is_proposed_shown_and_taken(office: Page) -> None:
    office.goto("/admin/users/user/add/")
    office.get_by_role("button", name="Propose a password").click()
    proposed = office.locator("#id_password1").input_value()
    assert re.fullmatch(r"(?:[a-zA-Z2-9]{4}-){3}[a-zA-Z2-9]{4}", proposed)
    assert office.locator("#id_password2").input_value() == proposed
    office.locator("#id_email").fill("new.hand@example.test")
    office.get_by_label("First Name").fill("New")
    office.get_by_label("Last Name").fill("Hand")
    office.get_by_label("This user is a warehouse user").check()
    office.get_by_role("button", name="Create", exact=True).click()
    expect(office.get_by_text("User was created successfully.")).to_be_visible()
    assert User.objects.get(email="new.hand@example.test").check_password(proposed)
