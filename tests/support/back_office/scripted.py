"""The controls of a page that a script handles, and whether a click on one has an effect."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import ElementHandle, Page

from tests.support.waiting import MOST_SECONDS

#: What a click handles, and is not already as the click would make it.
_SCRIPTED = (
    ":is(button[type=button], summary, [role=button], [role=tab], a:not([href]))"
    ":not([disabled], [aria-disabled=true], [aria-pressed=true], [aria-selected=true])"
)
#: On every page the same.
_MENU = ":is(#header-inner, #nav-sidebar-inner, #user-links) *"
_COUNT_CHANGES = """() => {
    window.changesSeen = 0;
    new MutationObserver((changes) => { window.changesSeen += changes.length; })
        .observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
    document.addEventListener("toggle", () => { window.changesSeen += 1; }, true);  // of a menu
}"""
#: The most clicks on one page.
_MOST_CLICKS = 80


def without_effect(page: Page, *, menu: bool) -> tuple[int, list[str]]:
    """How many controls were clicked, and those that changed nothing on the page."""
    page.evaluate(_COUNT_CHANGES)
    clicked, faults = 0, []
    for control in _scripted(page, menu=menu):
        clicked += 1
        if not _is_noticed(page, control):
            faults.append(control.evaluate("one => one.outerHTML.slice(0, 120)"))
    return clicked, faults


def _scripted(page: Page, *, menu: bool) -> Iterator[ElementHandle]:
    """Each control that can be seen, also those that the click on one before has opened."""
    others = "[data-clicked]" if menu else f"[data-clicked], {_MENU}"
    for _ in range(_MOST_CLICKS):
        shown = page.query_selector_all(f"{_SCRIPTED}:not({others}):visible")
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
    raise AssertionError(f"more than {_MOST_CLICKS} controls at {page.url}")


def _is_noticed(page: Page, control: ElementHandle) -> bool:
    """Whether the page changes after a click on the control."""
    page.wait_for_timeout(50)
    page.evaluate("() => { window.changesSeen = 0; }")
    control.evaluate("one => one.click()")  # the mouse may not reach what a panel opened by another click covers
    for _ in range(1_000 * MOST_SECONDS // 50):
        if page.evaluate("() => window.changesSeen") > 0:
            return True
        page.wait_for_timeout(50)
    return False
