"""Axe finds no serious fault, light or dark, large or small, where one signs in and where a file is previewed.

`test_every_page.py` looks at the other pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect

from tests.support.api.client import PASSWORD
from tests.support.back_office.accessibility import faults
from tests.support.back_office.sheets import USERS, upload
from tests.support.back_office.staff import signed_in
from users.models import User
from users.sign_in import two_factor

pytestmark = pytest.mark.thorough


def test_the_colours_preferred_when_a_page_is_loaded_are_those_that_are_checked(
    open_page: Callable[..., Page], olive: User
) -> None:
    """`tests.support.back_office.accessibility` sets the same class, so as not to load a page twice."""
    for user, path in ((olive, "/admin/"), (None, "/admin/login/")):
        page = open_page(user, color_scheme="dark")
        page.goto(path)
        expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))


def test_the_login_page_has_no_serious_fault(open_page: Callable[..., Page], olive: User) -> None:
    key = urlsafe_base64_encode(force_bytes(olive.pk))
    token = default_token_generator.make_token(olive)
    page = open_page()
    for path in ("login/", "password_reset/", f"reset/{key}/{token}/"):
        page.goto(f"/admin/{path}")
        assert faults(page) == [], path
    page.locator("#id_new_password1").fill("short")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Could not update password.")).to_be_visible()
    assert faults(page) == []


def _to_the_second_step(page: Page, user: User) -> None:
    two_factor.TOTPDevice.objects.create(user=user, name="authenticator", confirmed=True)
    page.goto("/admin/login/")
    page.get_by_label("Email Address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/login/code/")


def test_the_second_step_has_no_serious_fault(open_page: Callable[..., Page], olive: User) -> None:
    page = open_page()
    _to_the_second_step(page, olive)
    assert faults(page) == []
    page.get_by_label("Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This code is not right")).to_be_visible()
    assert faults(page) == []


def test_managing_the_second_factor_has_no_serious_fault(open_page: Callable[..., Page], olive: User) -> None:
    page = open_page()
    _to_the_second_step(page, olive)
    page.get_by_label("Code").fill(new_code(olive))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    page.goto("/admin/two-factor/")
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    assert faults(page) == []
    page.get_by_label("Code").fill(new_code(olive))
    page.keyboard.press("Enter")
    expect(page.locator("#recovery-codes")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("names", ["Pat,Picker", "Pat,<b>"])
def test_the_preview_of_an_import_has_no_serious_fault(
    open_page: Callable[..., Page], olive: User, pat: User, names: str
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    staff = signed_in(olive)
    rows = f"{pat.email},{names}\nnew.person@example.test,New,Person"
    job = upload(staff, USERS, f"email,first_name,last_name\n{rows}")
    page = open_page(olive)
    page.goto(f"{USERS}import/{job.pk}/")
    page.wait_for_load_state("networkidle")
    assert faults(page) == []


def new_code(user: User) -> str:
    return two_factor.new_recovery_codes(user)[0]
