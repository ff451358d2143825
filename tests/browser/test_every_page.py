"""Each page of the Back Office, opened once and looked at in every respect that any page can fail in.

Everybody can use it: axe finds no serious fault, light or dark, large or small. No e-mail is broken within a word, no
placeholder is cut and nothing is wider than a phone. A warehouse named like markup is text. Whatever a script handles
does something when it is clicked; `tests/back_office/pages/test_controls.py` tries links and forms, for each role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle, product
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page

from tests.support.api.client import sign_in
from tests.support.back_office.accessibility import SCREENS, faults
from tests.support.back_office.lines import LANGUAGES, in_pieces, too_wide_for_a_phone
from tests.support.back_office.pages import PAGES
from tests.support.back_office.scripted import without_effect
from tests.support.back_office.sheets import USERS, upload
from tests.support.back_office.staff import signed_in
from users.models import Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

MARKUP = "<img src=x onerror=alert(1)>"
EMAIL = "maximiliana.hohenstein@distribution-centre.example.test"


@pytest.fixture
def paths(
    olive: User, pat: User, sam: User, river: Warehouse, assign: Callable[..., Any]
) -> dict[str, Callable[[], str]]:
    """Where each page is found; they are about somebody with a long e-mail who works in a warehouse named like markup.

    What a page needs besides is made when it is asked for.
    """
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    User.objects.filter(pk=pat.pk).update(email=EMAIL)
    pat.refresh_from_db()
    trap = Warehouse.objects.create(name=MARKUP)
    assign(pat, trap, is_active=True)
    sign_in(pat.email)
    job = upload(signed_in(olive), USERS, "email,first_name,last_name\nnew.person@example.test,New,Person")
    given = {"pat": pat, "north": trap, "session": Session.objects.get()}
    pages = {name: partial(path, **given) for name, path in PAGES.items()}
    return pages | {"preview of an import": lambda: f"{USERS}import/{job.pk}/"}


@pytest.mark.drill
def test_every_page_is_without_fault(
    open_page: Callable[..., Page], olive: User, paths: dict[str, Callable[[], str]], whole: bool
) -> None:
    """In the short form on one of the screens, in turns, in one language, and with the menu of one page."""
    page, seen = open_page(olive, reduced_motion="reduce"), Seen()
    page.on("dialog", seen.note_dialog)
    screens = cycle([[screen] for screen in SCREENS])
    for language, (name, path) in product(LANGUAGES[whole], paths.items()):
        User.objects.filter(pk=olive.pk).update(language=language)
        answer = page.goto(path())
        assert answer is not None
        assert answer.status == 200, name
        page.wait_for_load_state("networkidle")
        assert page.locator("html").get_attribute("lang") == language[:2]
        seen.look_at(page, f"{name} in {language}", SCREENS if whole else next(screens), menu=whole or not seen.pages)
    assert "\n".join(seen.faults) == ""
    assert seen.warehouses > 5
    assert seen.clicks > seen.pages


class Seen:
    """What was found on the pages so far, and how much there was to be looked at."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.pages = self.warehouses = self.clicks = 0

    def note_dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":  # which asks whether to leave what a click has changed
            self.faults.append(f"a script of the warehouse's name has run: {dialog.message}")
        dialog.accept()

    def look_at(self, page: Page, name: str, screens: Iterable[str], *, menu: bool) -> None:
        images = ["markup in a text"] if page.locator("img[onerror]").count() else []
        self.warehouses += MARKUP in page.locator("body").inner_text()
        texts = [*in_pieces(page), *faults(page, screens), *too_wide_for_a_phone(page)]
        page.set_viewport_size({"width": 1440, "height": 900})
        clicks, idle = without_effect(page, menu=menu)
        self.faults += [f"{name}: {fault}" for fault in images + texts + idle]
        self.clicks += clicks
        self.pages += 1
