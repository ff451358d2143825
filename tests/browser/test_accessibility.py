"""Every page of the Back Office can be used by everyone: axe finds no serious fault, light or dark, large or small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect

from tests.back_office import signed_in
from tests.client import PASSWORD
from tests.pages import PAGES
from tests.sheets import USERS, upload
from users.models import Session, User
from users.oauth.sessions import start_session
from users.sign_in import two_factor

#: Width and height in pixels, and the colours preferred.
SCREENS = {"laptop by day": (1440, 900, "light"), "tablet by night": (820, 1180, "dark")}


def faults(page: Page) -> list[str]:
    """Serious and critical findings of axe, each with the elements it is about."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("screen", SCREENS)
def test_no_page_has_a_serious_fault(
    open_page: Callable[..., Page], olive: User, pat: User, north: Any, pat_north: Any, screen: str
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    pat_north.activate()
    session = _some_session(pat)
    page = _on(screen, open_page, olive)
    found = {}
    for name, path in PAGES.items():
        answer = page.goto(path(pat=pat, north=north, session=session))
        assert answer is not None
        assert answer.status == 200, name
        page.wait_for_load_state("networkidle")
        if here := faults(page):
            found[name] = here
    assert found == {}


def _some_session(user: User) -> Session:
    from django.test import RequestFactory

    started = start_session(user, client_id="frontend", requested_scope="", request=RequestFactory().get("/"))
    assert started is not None
    return started[0]


@pytest.mark.parametrize("screen", SCREENS)
def test_the_door_has_no_serious_fault(open_page: Callable[..., Page], olive: User, screen: str) -> None:
    key = urlsafe_base64_encode(force_bytes(olive.pk))
    token = default_token_generator.make_token(olive)
    page = _on(screen, open_page)
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


@pytest.mark.parametrize("screen", SCREENS)
def test_the_second_step_has_no_serious_fault(open_page: Callable[..., Page], olive: User, screen: str) -> None:
    page = _on(screen, open_page)
    _to_the_second_step(page, olive)
    assert faults(page) == []
    page.get_by_label("Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This code is not right")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("screen", SCREENS)
def test_managing_the_second_factor_has_no_serious_fault(
    open_page: Callable[..., Page], olive: User, screen: str
) -> None:
    page = _on(screen, open_page)
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


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("names", ["Pat,Picker", "Pat,<b>"])
def test_the_preview_of_an_import_has_no_serious_fault(
    open_page: Callable[..., Page], olive: User, pat: User, names: str, screen: str
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    staff = signed_in(olive)
    rows = f"{pat.email},{names}\nnew.person@example.test,New,Person"
    job = upload(staff, USERS, f"email,first_name,last_name\n{rows}")
    page = _on(screen, open_page, olive)
    page.goto(f"{USERS}import/{job.pk}/")
    page.wait_for_load_state("networkidle")
    assert faults(page) == []


def _on(screen: str, open_page: Callable[..., Page], user: User | None = None) -> Page:
    width, height, scheme = SCREENS[screen]
    size = {"width": width, "height": height}
    return open_page(user, viewport=size, color_scheme=scheme, reduced_motion="reduce")


def new_code(user: User) -> str:
    return two_factor.new_recovery_codes(user)[0]
