"""How pages ask for a period and show it: as whole days in the time zone of the site, the last one included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime, make_aware
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

from config.database.periods import ALWAYS, Period

#: The days that can be given. Each begins and ends within `EARLIEST` and `LATEST` in every time zone.
FIRST_DAY, LAST_DAY = date(1900, 1, 2), date(9998, 12, 30)
#: A page says in how many days something begins or ends if it is at most so many.
MAX_DAYS_TO_BEGIN, MAX_DAYS_TO_END = 30, 7

OUT_OF_RANGE = _("Enter a date between the years 1900 and 9998.")
UNTIL_BEFORE_FROM = _("“Until” must not be before “From”.")


# --- Days and moments -------------------------------------------------------------------------------------------
def beginning_of(day: date) -> datetime:
    """The first moment of a day, in UTC: midnight, or 1 o'clock where summer time begins at midnight."""
    return make_aware(datetime.combine(day, time.min)).astimezone(UTC)


def period_of(first: date | None, last: date | None, stored: Period = ALWAYS) -> Period:
    """The period from the beginning of the first day to the end of the last one.

    A bound of `stored` that is on the same day stays as it is, with its clock time.
    """
    starts_at = beginning_of(first) if first else None
    ends_at = beginning_of(last + timedelta(days=1)) if last else None
    return Period(
        stored.starts_at if first == first_day(stored) else starts_at,
        stored.ends_at if last == last_day(stored) else ends_at,
    )


def first_day(period: Period) -> date | None:
    return localtime(period.starts_at).date() if period.starts_at else None


def last_day(period: Period) -> date | None:
    """The day of its last moment."""
    return _last_day(period.ends_at) if period.ends_at else None


def _last_day(ends_at: datetime) -> date:
    return localtime(ends_at - timedelta(microseconds=1)).date()


def end_of_soon() -> datetime:
    """The end of the last day of which pages say in how many days something ends."""
    return beginning_of(localdate() + timedelta(days=MAX_DAYS_TO_END + 1))


# --- Asking -----------------------------------------------------------------------------------------------------
#: The browser's own control, which is localized and accessible by keyboard.
DAY_INPUT = forms.DateInput({"type": "date", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")


class DayField(forms.DateField):
    """An optional day."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=DAY_INPUT,
            validators=[MinValueValidator(FIRST_DAY, OUT_OF_RANGE), MaxValueValidator(LAST_DAY, OUT_OF_RANGE)],
            error_messages={"invalid": _("Enter a date, such as 2026-12-31.")},
        )


class PeriodForm(forms.Form):
    """Two optional days. `cleaned_data["period"]` is the period from the one to the other, both included."""

    from_day = DayField(_("From"))
    until_day = DayField(_("Until (inclusive)"))

    def __init__(self, *args: Any, stored: Period = ALWAYS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = stored
        self.initial.update(from_day=first_day(stored), until_day=last_day(stored))

    @property
    def days(self) -> list[forms.BoundField]:
        """The two fields, for templates."""
        return [self["from_day"], self["until_day"]]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["period"] = period_of(data.get("from_day"), data.get("until_day"), self._stored)
        if not data["period"].is_valid:
            self.add_error("until_day", UNTIL_BEFORE_FROM)
        return data


# --- Showing ----------------------------------------------------------------------------------------------------
def in_words(period: Period) -> str:
    """Such as "until 13 Dec 2026", with the time of a bound that is not at the beginning of a day."""
    start = _start(period.starts_at) if period.starts_at else ""
    end = _end(period.ends_at) if period.ends_at else ""
    if period.starts_at and period.ends_at and start != end:
        is_one_year = localtime(period.starts_at).year == _last_day(period.ends_at).year
        return f"{_start(period.starts_at, with_year=not is_one_year)} – {end}"  # noqa: RUF001
    if start and not end:
        return gettext("from %(day)s") % {"day": start}
    return gettext("until %(day)s") % {"day": end} if end and not start else end


def with_hint(period: Period, now: datetime) -> str:
    """The period in words and, if it begins or ends soon or is over, that."""
    is_over = period.ends_at is not None and period.ends_at <= now
    told = gettext("over") if is_over else hint(period, now)
    return f"{in_words(period)} ({told})" if told else in_words(period)


def hint(period: Period, now: datetime) -> str:
    """Such as "begins in 3 days", "ends tomorrow" or "ended on 13 Dec 2026"; "" if nothing of that is so soon."""
    if period.ends_at and period.ends_at <= now:
        return gettext("ended on %(day)s") % {"day": _end(period.ends_at)}
    if period.starts_at and period.starts_at > now:
        days = _days_from(now, localtime(period.starts_at).date())
        return _begins_in(days) if days <= MAX_DAYS_TO_BEGIN else ""
    days = _days_from(now, _last_day(period.ends_at)) if period.ends_at else MAX_DAYS_TO_END + 1
    return _ends_in(days) if days <= MAX_DAYS_TO_END else ""


def why_not_current(period: Period, now: datetime) -> str:
    """Such as "begins on 30 Nov 2026", of a period that is not now."""
    if period.starts_at and period.starts_at > now:
        return gettext("begins on %(day)s") % {"day": _start(period.starts_at)}
    return hint(period, now)


def _days_from(now: datetime, day: date) -> int:
    return (day - localtime(now).date()).days


def _begins_in(days: int) -> str:
    if days < 2:
        return gettext("begins tomorrow") if days else gettext("begins today")
    return ngettext("begins in %(days)d day", "begins in %(days)d days", days) % {"days": days}


def _ends_in(days: int) -> str:
    if days < 2:
        return gettext("ends tomorrow") if days else gettext("ends today")
    return ngettext("ends in %(days)d day", "ends in %(days)d days", days) % {"days": days}


def _start(moment: datetime, *, with_year: bool = True) -> str:
    day = localtime(moment).date()
    return _moment(day, moment, is_whole=moment == beginning_of(day), with_year=with_year)


def _end(ends_at: datetime) -> str:
    day = _last_day(ends_at)
    if ends_at == beginning_of(day + timedelta(days=1)):
        return _moment(day, ends_at, is_whole=True)
    return _moment(localtime(ends_at).date(), ends_at, is_whole=False)


def _moment(day: date, moment: datetime, *, is_whole: bool, with_year: bool = True) -> str:
    form = pgettext("format of a date", "j M Y") if with_year else pgettext("format of a date without its year", "j M")
    written = date_format(day, form)
    return written if is_whole else f"{written} {date_format(localtime(moment), 'H:i')}"
