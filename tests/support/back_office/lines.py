"""Texts of a page that are broken within a word or cut off."""

from __future__ import annotations

from playwright.sync_api import Page

#: In pixels: a laptop, a tablet, a phone.
WIDTHS = (1440, 820, 390)
#: German words are the longer ones. The long form of a test (the fixture `whole`) reads the pages in English, too.
LANGUAGES = {False: ["de_DE"], True: ["de_DE", "en_US"]}
#: The texts that look like an e-mail and go on in another line after a letter or digit.
_BROKEN = r"""() => {
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
#: The placeholders that are longer than their fields.
_CUT = """() => {
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


def in_pieces(page: Page) -> list[str]:
    """E-mails that are broken within a word, and placeholders that are cut, at each width."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"at {width}: {text}" for text in page.evaluate(_BROKEN) + page.evaluate(_CUT)]
    return found


def too_wide_for_a_phone(page: Page) -> list[str]:
    """Nothing scrolls sideways (WCAG 1.4.10)."""
    page.set_viewport_size({"width": WIDTHS[-1], "height": 844})
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{wider} pixels wider than a phone"] if wider > 0 else []
