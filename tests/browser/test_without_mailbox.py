"""Somebody without a mailbox, from being hired to signing in: staff at a tablet, the picker at a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.api.client import PASSWORD, sign_in
from tests.support.back_office.accessibility import faults
from tests.support.oauth.code_flow import send
from users.models import User

pytestmark = pytest.mark.thorough

OWN_PASSWORD = "purple-Kettle-99"
NAME = "juergen.mueller@staff.invalid"
PHONE: Any = {"width": 390, "height": 844}


def hire(page: Page) -> None:
    page.goto("/admin/users/user/add/?is_warehouse_user=1")
    page.locator("label[for=id_has_mailbox] + * input, #id_has_mailbox").first.check(force=True)
    page.get_by_label("First Name").fill("Jürgen")
    page.get_by_label("Last Name").fill("Müller")
    page.get_by_label("Last Name").blur()
    expect(page.locator("#id_email")).to_have_value(NAME)
    page.get_by_label("Interface language").select_option("de_DE")
    page.get_by_role("button", name="Create", exact=True).click()


def slip(page: Page) -> tuple[str, str]:
    """Name and password on the slip."""
    page.get_by_role("button", name="Set a temporary password").click()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    expect(page.get_by_role("img", name="QR-Code der Adresse").first).to_be_visible()
    name, password = (page.locator(".slip-facts dd").nth(number).inner_text() for number in (1, 2))
    return name, password


def check(page: Page) -> None:
    """Nothing scrolls sideways, and axe finds nothing; afterwards the page is as wide as before."""
    page.wait_for_load_state()
    before = page.viewport_size
    for width in (390, 360):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    assert faults(page) == [], page.url
    assert before is not None
    page.set_viewport_size(before)


def first_sign_in(phone: Page, name: str, password: str) -> None:
    phone.goto("/account/")
    check(phone)
    phone.get_by_label("E-Mail oder Anmeldename").fill(name)
    phone.get_by_label("Passwort").fill(password)
    phone.get_by_role("button", name="Anmelden").click()
    expect(phone.get_by_text("Sie haben sich mit einem vorläufigen Passwort angemeldet.")).to_be_visible()
    check(phone)
    for field in ("#id_new_password1", "#id_new_password2"):
        phone.locator(field).fill(OWN_PASSWORD)
    phone.get_by_role("button", name="Neues Passwort speichern").click()
    expect(phone.get_by_text("Ihr neues Passwort ist gespeichert.")).to_be_visible()


def test_a_picker_without_a_mailbox_is_hired_and_chooses_a_password(
    open_page: Callable[..., Page], olive: User
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    office = open_page(olive, viewport={"width": 820, "height": 1180})
    hire(office)
    check(office)
    name, password = slip(office)
    assert name == NAME
    check(office)
    office.emulate_media(media="print")
    expect(office.locator(".slip-password")).to_be_visible()
    expect(office.get_by_role("link", name="I have it: to the user")).to_be_hidden()

    first_sign_in(open_page(viewport=PHONE, locale="de-DE"), name, password)
    assert sign_in(NAME, OWN_PASSWORD)["access_token"]


def test_the_account_page_at_a_phone(open_page: Callable[..., Page], pat: User, settings: Any) -> None:
    settings.APP_URL = "/docs"
    form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
    send("/token", form, **{"User-Agent": "Mozilla/5.0 (Linux; Android 14) Chrome/120"})
    phone = open_page(pat, viewport=PHONE)
    phone.goto("/account/")
    check(phone)
    expect(phone.get_by_role("link", name="To the app")).to_have_attribute("href", "/docs")
    expect(phone.get_by_role("link", name="To the Back Office")).to_have_count(0)
    phone.get_by_role("button", name=re.compile("End session: Chrome on Android")).click()
    expect(phone.get_by_text("The session was ended.")).to_be_visible()
    expect(phone.get_by_text("In no app at the moment.")).to_be_visible()
    phone.get_by_role("button", name="Log out everywhere else").click()
    expect(phone.get_by_text("You are signed out everywhere else.")).to_be_visible()
    phone.get_by_role("button", name="Deutsch").click()
    expect(phone.get_by_role("heading", name="Wo Sie angemeldet sind")).to_be_visible()
    phone.get_by_role("link", name="Passwort ändern").click()
    check(phone)
    phone.get_by_role("link", name="Zurück zu Ihrem Konto").click()
    phone.get_by_role("button", name="Von dieser Seite abmelden").click()
    expect(phone.get_by_role("button", name="Login")).to_be_visible()  # in the browser's language again
