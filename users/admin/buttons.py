"""Buttons inside list rows: links, and POSTs that carry the list's own CSRF token."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString


def link(text: Any, about: str, url: str, *, danger: bool = False) -> SafeString:
    """`about` distinguishes the rows for screen readers."""
    return format_html('<a class="{}" href="{}" aria-label="{}: {}">{}</a>', _classes(danger), url, text, about, text)


def button(text: Any, about: str, *, action: str, danger: bool = False) -> SafeString:
    """Submits the list's form to another URL."""
    return format_html(
        '<button type="submit" class="{}" formmethod="post" formaction="{}" aria-label="{}: {}">{}</button>',
        _classes(danger), action, text, about, text,
    )  # fmt: skip


def _classes(danger: bool) -> str:
    return "row-button row-button-danger" if danger else "row-button"
