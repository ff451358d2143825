"""Every page of the Back Office can be used by everyone: axe finds no serious fault, light or dark, large or small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page

from tests.pages import PAGES
from users.models import Session, User

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
    width, height, scheme = SCREENS[screen]
    size = {"width": width, "height": height}
    page = open_page(olive, viewport=size, color_scheme=scheme, reduced_motion="reduce")
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

    started = Session.objects.start(user, client_id="frontend", requested_scope="", request=RequestFactory().get("/"))
    assert started is not None
    return started[0]


def test_the_login_page_has_no_serious_fault(page: Page) -> None:
    page.goto(reverse("admin:login"))
    assert faults(page) == []
    page.goto(reverse("admin_password_reset"))
    assert faults(page) == []
