"""What axe finds on a page of the Back Office, on each kind of screen."""

from __future__ import annotations

from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Width and height in pixels, and the colours preferred.
SCREENS = {"laptop by day": (1440, 900, "light"), "tablet by night": (820, 1180, "dark")}
#: Unfold asks for the preferred colours when a page is loaded only. Changes of colour end at once.
_RECOLOUR = """(scheme) => {
    document.documentElement.classList.toggle("dark", scheme === "dark");
    for (const change of document.getAnimations()) change.cancel();
}"""


def faults(page: Page, screens: Iterable[str] = SCREENS) -> list[str]:
    """Serious and critical findings of axe on each of these screens, each with the elements it is about.

    The page is loaded once, and resized and recoloured for each screen.
    """
    return [f"{screen}: {fault}" for screen in screens for fault in _faults_on(page, screen)]


def _faults_on(page: Page, screen: str) -> list[str]:
    width, height, scheme = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.evaluate(_RECOLOUR, scheme)
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
