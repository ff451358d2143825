"""What Back Office staff do all day, in a real Chromium: come in, hire somebody, end a lost phone's session."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, PASSWORD, Api, refusal, sign_in
from users.models import User
from users.roles import ADMINISTRATOR

LAPTOP = {"width": 1440, "height": 900}


def come_in(page: Page, email: str, password: str) -> None:
    page.goto(reverse("admin:login"))
    page.get_by_label("Email Address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Login").click()


def as_administrator(user: User) -> None:
    """Rights to everything; given the way an operator does it."""
    User.objects.filter(pk=user.pk).update(is_superuser=True)


def test_staff_come_in_and_others_are_refused_in_the_same_words(page: Page, olive: User, pat: User) -> None:
    as_administrator(olive)
    words = []
    for email, password in ((olive.email, "wrong-Horse-7!"), (pat.email, PASSWORD), ("nobody@example.test", PASSWORD)):
        come_in(page, email, password)
        refusal_shown = page.get_by_text("check the email address and the password")
        expect(refusal_shown).to_be_visible()
        words.append(refusal_shown.inner_text())
        assert "/login/" in page.url
    assert words == [words[0]] * 3
    come_in(page, olive.email, PASSWORD)
    expect(page).to_have_title("Dashboard | Back Office")


def test_a_warehouse_user_is_hired_with_the_keyboard_alone(open_page: Callable[..., Page], olive: User) -> None:
    as_administrator(olive)
    page = open_page(olive, viewport=LAPTOP)
    page.goto(reverse("admin:users_user_add"))
    page.locator("#id_email").focus()
    page.keyboard.type("sally.season@example.test")
    for label, text in (
        ("Password", PASSWORD),
        ("Repeat Password", PASSWORD),
        ("First Name", "Sally"),
        ("Last Name", "Season"),
    ):
        _tab_to(page, label)
        page.keyboard.type(text)
    _tab_to(page, "This user is a warehouse user")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("User was created successfully.")).to_be_visible()
    sally = User.objects.get(email="sally.season@example.test")
    assert (sally.is_warehouse_user, sally.first_name, sally.check_password(PASSWORD)) == (True, "Sally", True)


def _tab_to(page: Page, label: str) -> None:
    """Presses Tab until the field with this label has the focus, as somebody without a mouse does."""
    field = page.get_by_label(re.compile(rf"^{label}\s*\*?$"))  # a star says that it is required
    for _ in range(60):
        page.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            return
    raise AssertionError(f"{label} cannot be reached with the keyboard")


def test_a_lost_phone_is_signed_out_at_once(open_page: Callable[..., Page], olive: User, pat: User) -> None:
    as_administrator(olive)
    phone = Api(sign_in(pat.email)["access_token"])
    assert phone.get(ASSIGNMENTS).status_code == 200
    page = open_page(olive, viewport=LAPTOP)
    page.goto(reverse("admin:users_session_changelist"))
    page.get_by_role("button", name="End session").first.click()
    expect(page.get_by_text("1 session was ended.")).to_be_visible()
    assert refusal(phone.get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_german_works_in_german(open_page: Callable[..., Page], olive: User, pat: User) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    olive.groups.add(Group.objects.get(name=ADMINISTRATOR))
    page = open_page(olive, viewport=LAPTOP)
    page.goto(reverse("admin:index"))
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("link", name=re.compile("Benutzer$")).first.click()
    page.get_by_role("button", name="Aktionen: pat").click()
    page.get_by_role("link", name="Lager zuweisen").click()
    expect(page.get_by_role("heading", name="Lager dem Benutzer zuweisen").first).to_be_visible()


@pytest.mark.thorough
def test_without_scripts_staff_come_in_and_find_everything(
    open_page: Callable[..., Page], olive: User, pat: User
) -> None:
    as_administrator(olive)
    page = open_page(viewport=LAPTOP, java_script_enabled=False)
    come_in(page, olive.email, PASSWORD)
    expect(page.get_by_role("link", name=re.compile("Sessions$"))).to_be_visible()
    page.goto(reverse("admin:users_user_changelist"))
    page.get_by_role("button", name=f"Actions: {pat.email}").click()
    expect(page.get_by_role("link", name="Assign Warehouses")).to_be_visible()
    expect(page.get_by_role("link", name="Add New User")).to_be_visible()
    page.goto(reverse("admin:users_user_change", args=[pat.pk]))
    page.get_by_label("First Name").fill("Patricia")
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_text("User was updated successfully.")).to_be_visible()
