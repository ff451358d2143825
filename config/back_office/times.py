"""How pages show a moment."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime


def in_words(moment: datetime) -> str:
    """In the reader's language and the time zone of the site, to the minute."""
    return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


def time_tag(moment: datetime | None) -> str:
    """For a column of a list or a field of a page, which would show a datetime as Python writes it; "" for None."""
    if moment is None:
        return ""
    iso, words = moment.isoformat(timespec="seconds"), in_words(moment)
    return format_html('<time datetime="{}">{}</time>', iso, words)
