"""The menu of a list row: links, and POSTs that carry the list's own CSRF token.

Labels and addresses are computed once a page: per row, translating, escaping and resolving take several
milliseconds a page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


class RowURL:
    """The URL of a view for each row of a page, resolved at the first row only."""

    def __init__(self, view: str, *arguments: str, query: str = "") -> None:
        """`arguments` follow the key of the row."""
        self.view, self.arguments = view, arguments
        self.query = f"?{query}" if query else ""
        self._parts: tuple[str, str] | None = None

    def __call__(self, key: Any) -> str:
        if self._parts is None:
            start, _, end = reverse(self.view, args=[key, *self.arguments]).rpartition(f"/{key}/")
            self._parts = f"{start}/", f"/{end}{self.query}"
        start, end = self._parts
        return f"{start}{key}{end}"


class RowControl:
    """The HTML of a control, but for its URL and for `about`, which distinguishes the rows for screen readers."""

    def __init__(self, start: str, text: Any, url: RowURL, end: str, *, danger: bool) -> None:
        label, classes = escape(text), "row-button row-button-danger" if danger else "row-button"
        self.url = url
        self.start = start.format(classes)
        self.label = f'" aria-label="{label}: '
        self.end = f'">{label}{end}'

    def __call__(self, key: Any, about: str) -> SafeString:
        return SafeString(f"{self.start}{escape(self.url(key))}{self.label}{escape(about)}{self.end}")


def link(text: Any, url: RowURL, *, danger: bool = False) -> RowControl:
    return RowControl('<a class="{}" href="', text, url, "</a>", danger=danger)


def button(text: Any, url: RowURL, *, danger: bool = False) -> RowControl:
    """Submits the list's form to another URL."""
    start = '<button type="submit" class="{}" formmethod="post" formaction="'
    return RowControl(start, text, url, "</button>", danger=danger)


class RowMenu:
    """A button that opens the controls of a row, as the Popover API of HTML does it, without a script."""

    def __init__(self) -> None:
        self.label = f'" aria-label="{escape(_("Actions"))}: '

    def __call__(self, key: Any, about: str, controls: Iterable[str]) -> SafeString:
        """`about` distinguishes the rows for screen readers. Without controls, there is no menu."""
        found = "".join(controls)
        if not found:
            return SafeString("")
        button = f'<button type="button" class="row-menu-button" popovertarget="menu-{key}{self.label}{escape(about)}">'
        return SafeString(f'{button}{_ICON}</button><div popover id="menu-{key}" class="row-menu">{found}</div>')


_ICON = '<span class="material-symbols-outlined" aria-hidden="true">more_horiz</span>'
