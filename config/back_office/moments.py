"""The input of a moment, in the time zone of the site."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_aware, localtime
from django.utils.translation import gettext as _
from unfold.widgets import INPUT_CLASSES

from config.database.periods import EARLIEST, LATEST


class LocalMomentInput(forms.DateTimeInput):
    """The browser's control for a local time. A moment with an offset, as in links, is shown as local time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES), "step": "1"}, format="%Y-%m-%dT%H:%M:%S")

    def format_value(self, value: Any) -> Any:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else value
            return super().format_value(localtime(moment) if moment and is_aware(moment) else value)
        except (ValueError, OverflowError):
            return value


class LocalMomentField(forms.Field):
    """A moment in the time zone of the site, or with its offset. Of an hour that clocks repeat, the first is meant."""

    widget = LocalMomentInput

    def clean(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            moment = parse_datetime(value)
            if moment is not None and not is_aware(moment):
                moment = moment.replace(tzinfo=get_current_timezone())
            if moment is not None and EARLIEST <= moment < LATEST:
                return moment
        except (ValueError, OverflowError):
            pass
        raise ValidationError(_("Enter a date and a time, such as 2026-12-31 14:00."))
