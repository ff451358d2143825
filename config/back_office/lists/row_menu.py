"""The menu of a list row: links, and buttons that submit the form of the list, which carries its CSRF token.

Labels and URLs are computed once a page: translating, escaping and resolving them for each row takes several
milliseconds a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display


def menu_column(menu_of: Callable[[Any], SafeString]) -> Callable[[Any], SafeString]:
    """The column of a list that shows the menu of each row."""

    @display(description=gettext_lazy("Actions"))
    def actions_column(row: Any) -> SafeString:
        return menu_of(row)

    return actions_column


class RowMenu:
    """A button that opens the controls of a row, as the Popover API of HTML does it, without a script."""

    def __init__(self) -> None:
        self.label = f'" aria-label="{escape(_("Actions"))}: '

    def __call__(self, row: Any, about: str, controls: Iterable[RowControl]) -> SafeString:
        """`about` distinguishes the rows for screen readers. Without controls, there is no menu."""
        key, about = row.pk, escape(about)
        found = "".join([control(row, about) for control in controls])
        if not found:
            return SafeString("")
        button = f'<button type="button" class="row-menu-button" popovertarget="menu-{key}{self.label}{about}">'
        return SafeString(f'{button}{_ICON}</button><div popover id="menu-{key}" class="row-menu">{found}</div>')


_ICON = '<span class="material-symbols-outlined" aria-hidden="true">more_horiz</span>'


class RowURL:
    """The URL of a view for each row of a page, escaped for HTML.

    Without a query, it may be kept for the life of the process: `PATH_PREFIX` is fixed.
    """

    def __init__(self, view: str, *arguments: str, key: str = "pk", query: str = "") -> None:
        """`key` is the row's attribute that the URL contains: an integer or a UUID. `arguments` follow it."""
        self.view, self.arguments, self.key = view, arguments, key
        self.query = f"?{query}" if query else ""
        self._around_key: tuple[str, str] | None = None

    def __call__(self, row: Any) -> str:
        key = getattr(row, self.key)
        if self._around_key is None:
            start, _key, end = reverse(self.view, args=[key, *self.arguments]).rpartition(f"/{key}/")
            self._around_key = escape(f"{start}/"), escape(f"/{end}{self.query}")
        start, end = self._around_key
        return f"{start}{key}{end}"


class RowControl:
    """The HTML of a control, but for its URL and for `about`, which distinguishes the rows for screen readers."""

    def __init__(self, start: str, text: Any, url: RowURL, end: str, *, danger: bool) -> None:
        label, classes = escape(text), "row-button row-button-danger" if danger else "row-button"
        self.url = url
        self.start = start.format(classes)
        self.label = f'" aria-label="{label}: '
        self.end = f'">{label}{end}'

    def __call__(self, row: Any, about: str) -> SafeString:
        """`about` is HTML."""
        return SafeString(f"{self.start}{self.url(row)}{self.label}{about}{self.end}")


def link(text: Any, url: RowURL, *, danger: bool = False) -> RowControl:
    return RowControl('<a class="{}" href="', text, url, "</a>", danger=danger)


def button(text: Any, url: RowURL, *, danger: bool = False) -> RowControl:
    """Submits the list's form to another URL."""
    start = '<button type="submit" class="{}" formmethod="post" formaction="'
    return RowControl(start, text, url, "</button>", danger=danger)
