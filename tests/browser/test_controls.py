"""Every button that a script handles does something when it is clicked.

`tests/back_office/pages/test_controls.py` tries links and forms, for each role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import ElementHandle, Page

from tests.support.api.client import sign_in
from tests.support.back_office.pages import PAGES
from tests.support.back_office.sheets import USERS, upload
from tests.support.back_office.staff import signed_in
from users.models import Session, User

#: What a click handles, and is not already as the click would make it.
SCRIPTED = (
    ":is(button[type=button], summary, [role=button], [role=tab], a:not([href]))"
    ":not([disabled], [aria-disabled=true], [aria-pressed=true], [aria-selected=true])"
)
#: On every page the same.
MENU = ":is(#header-inner, #nav-sidebar-inner, #user-links) *"
_COUNT_CHANGES = """() => {
    window.changesSeen = 0;
    new MutationObserver((changes) => { window.changesSeen += changes.length; })
        .observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
    document.addEventListener("toggle", () => { window.changesSeen += 1; }, true);  // of a menu
}"""
#: Milliseconds within which a page has to show the effect of a click, and the most clicks on one page.
PATIENCE, MOST_CLICKS = 60_000, 80


def scripted(page: Page, *, menu: bool) -> Iterator[ElementHandle]:
    """Each control that can be seen, also those that the click on one before has opened."""
    others = "[data-clicked]" if menu else f"[data-clicked], {MENU}"
    for _ in range(MOST_CLICKS):
        shown = page.query_selector_all(f"{SCRIPTED}:not({others}):visible")
        if not shown:
            return
        opened = [
            one
            for one in shown
            if one.evaluate("one => one.closest('nav, [popover], [role=menu], [role=dialog]') !== null")
        ]
        control = (opened or shown)[0]
        control.evaluate("one => one.setAttribute('data-clicked', '')")
        yield control
    raise AssertionError(f"more than {MOST_CLICKS} controls at {page.url}")


def is_noticed(page: Page, control: ElementHandle) -> bool:
    """Whether the page changes after a click on the control."""
    page.wait_for_timeout(50)
    page.evaluate("() => { window.changesSeen = 0; }")
    control.evaluate("one => one.click()")  # the mouse may not reach what a panel opened by another click covers
    for _ in range(PATIENCE // 50):
        if page.evaluate("() => window.changesSeen") > 0:
            return True
        page.wait_for_timeout(50)
    return False


@pytest.mark.drill
def test_every_scripted_control_has_an_effect(
    open_page: Callable[..., Page],
    olive: User,
    pat: User,
    sam: User,
    north: Any,
    river: Any,
    pat_north: Any,
    whole: Any,
) -> None:
    """Those of the menu on the first page, and in the long form on every page."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    pat_north.activate()
    sign_in(pat.email)
    job = upload(signed_in(olive), USERS, "email,first_name,last_name\nnew.person@example.test,New,Person")
    paths = {name: path(pat=pat, north=north, session=Session.objects.get()) for name, path in PAGES.items()}
    page = open_page(olive, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    faults, clicked = [], 0
    for name, path in (paths | {"preview of an import": f"{USERS}import/{job.pk}/"}).items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.evaluate(_COUNT_CHANGES)
        for control in scripted(page, menu=whole or clicked == 0):
            clicked += 1
            if not is_noticed(page, control):
                faults.append(f"{name}: {control.evaluate('one => one.outerHTML.slice(0, 120)')}")
    assert faults == []
    assert clicked > len(paths)
