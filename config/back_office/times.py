"""How pages show a moment."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.timezone import localtime


def in_words(moment: datetime) -> str:
    """In the reader's language and the time zone of the site, to the minute."""
    return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


def time_tag(moment: datetime | None) -> str:
    """For a column of a list or a field of a page, which would show a datetime as Python writes it; "" for None."""
    if moment is None:
        return ""
    return SafeString(f'<time datetime="{moment.isoformat(timespec="seconds")}">{escape(in_words(moment))}</time>')
