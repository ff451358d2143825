"""No e-mail is broken within a word, and no placeholder is cut, on any page, at any width, in either language."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.api.client import sign_in
from tests.support.back_office.pages import PAGES
from users.models import Session, User

WIDTHS = (1440, 820, 390)
#: The texts that look like an e-mail and go on in another line after a letter or digit.
BROKEN = r"""() => {
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
    for (let at = walker.currentNode; at; at = walker.nextNode()) {
        if (!/^\s*[^\s@]+@[^\s@]+\s*$/.test(at.textContent) || at.tagName === "SCRIPT" || at.closest("svg")) continue;
        if ([...at.children].some((child) => child.tagName !== "WBR")) continue;
        let line = null, before = "";
        for (const node of at.childNodes) {
            for (let index = 0; index < (node.data || "").length; index++) {
                const range = document.createRange();
                range.setStart(node, index);
                range.setEnd(node, index + 1);
                const box = range.getClientRects()[0];
                if (!box || !box.width) continue;
                if (line !== null && box.top - line > 4 && /[a-z0-9]/i.test(before)) found.push(at.textContent.trim());
                line = box.top;
                before = node.data[index];
            }
        }
    }
    return [...new Set(found)];
}"""
CUT = """() => {
    const pen = document.createElement("canvas").getContext("2d"), found = [];
    for (const input of document.querySelectorAll("input[placeholder]")) {
        const style = getComputedStyle(input);
        if (!input.checkVisibility() || !input.placeholder) continue;
        pen.font = style.font;
        const room = input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        if (pen.measureText(input.placeholder).width > room) found.push(input.placeholder);
    }
    return found;
}"""


#: German words are the longer ones. The long form reads the pages in English, too.
LANGUAGES = {False: ["de_DE"], True: ["de_DE", "en_US"]}


@pytest.mark.drill
def test_words_are_in_one_piece(
    open_page: Callable[..., Page], olive: User, pat: User, north: Any, pat_north: Any, whole: bool
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    User.objects.filter(pk=pat.pk).update(email="maximiliana.hohenstein@distribution-centre.example.test")
    pat.refresh_from_db()
    pat_north.activate()
    sign_in(pat.email)
    page = open_page(olive, viewport={"width": WIDTHS[0], "height": 900})
    faults = []
    for language, (name, path) in product(LANGUAGES[whole], PAGES.items()):
        User.objects.filter(pk=olive.pk).update(language=language)
        page.goto(path(pat=pat, north=north, session=Session.objects.get()))
        page.wait_for_load_state("networkidle")
        assert page.locator("html").get_attribute("lang") == language[:2]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found = page.evaluate(BROKEN) + page.evaluate(CUT)
            faults += [f"{name} at {width} in {language}: {text}" for text in found]
    assert "\n".join(faults) == ""
