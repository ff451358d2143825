"""One cell of a sheet: formulas are neutralised on writing, spellings of values understood on reading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext_lazy
from import_export.widgets import Widget

from config.back_office import periods
from config.database.periods import Period

#: A spreadsheet program may read a formula at the start of a text, and after any character that it takes for a
#: separator: a program that splits at semicolons ignores quotes that follow a comma (OWASP, "CSV injection").
_FORMULA = r"(?=[' ]*[=+\-@\t\r\n＝＋－＠])"  # noqa: RUF001 (full-width signs start formulas, too)
_FIRST = re.compile(_FORMULA)
_FURTHER = re.compile(rf"[,;|\t\r\n]{_FORMULA}")
_FURTHER_NEUTRALISED = re.compile(rf"(?<=[,;|\t\r\n])'{_FORMULA}")
#: Not allowed in XML 1.0, and so not in XLSX.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

#: What a cell shows if its formula failed, in English and German, and the codes of LibreOffice.
_ERROR = re.compile(
    r"#(N/A|NV|REF!|BEZUG!|VALUE!|WERT!|DIV/0!|NAME\?|NUM!|ZAHL!|NULL!|SPILL!|ÜBERLAUF!|CALC!|KALK!)|(Err|Fehler):\d{3}",
    re.IGNORECASE,
)


def is_error(text: str) -> bool:
    return _ERROR.fullmatch(text) is not None


def neutralised(text: str) -> str:
    """The text with an apostrophe before each possible formula."""
    further = _FURTHER.sub(r"\g<0>'", text)
    return f"'{further}" if _FIRST.match(text) else further


def restored(text: str) -> str:
    """The inverse of `neutralised`."""
    first = text[1:] if text.startswith("'") and _FIRST.match(text, 1) else text
    return _FURTHER_NEUTRALISED.sub("", first)


def writable(text: str) -> str:
    """The text as it is exported: neutralised, with characters that XML does not allow replaced."""
    return neutralised(_UNWRITABLE.sub("\ufffd", text))


def after_round_trip(text: str) -> str:
    """The text as it is after an export and an import."""
    return _UNWRITABLE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def text_of(value: Any) -> str:
    """A cell's value as text: of CSV a text, of XLSX any type of JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
    return restored(str(value).strip())


class ChoiceWidget(Widget):
    """One of a few values, each with its accepted spellings. The first is exported, in the reader's language."""

    def __init__(self, spellings: Mapping[Any, tuple[Any, ...]]) -> None:
        super().__init__()
        self.spellings = spellings

    @cached_property
    def values(self) -> dict[str, Any]:
        """Spelling in any language of the site, case-folded → value."""
        return {
            translated.casefold(): value
            for value, spellings in self.spellings.items()
            for spelling in spellings
            for translated in in_every_language(spelling)
        }

    @cached_property
    def labels(self) -> dict[Any, str]:
        """Value → exported text. Translated once: a resource has one language."""
        return {value: str(spellings[0]) for value, spellings in self.spellings.items()}

    @cached_property
    def _message(self) -> str:
        return _("“%(value)s” is not known here. Write one of: %(choices)s.")

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        if value.casefold() not in self.values:
            raise ValueError(self._message % {"value": value[:100], "choices": ", ".join(self.labels.values())})
        return self.values[value.casefold()]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return self.labels.get(value, "")


class YesNoWidget(ChoiceWidget):
    def __init__(self) -> None:
        super().__init__(
            {
                True: (pgettext_lazy("cell", "yes"), "y", "j", "true", "wahr", "1", "on", "x"),
                False: (pgettext_lazy("cell", "no"), "n", "false", "falsch", "0", "off", "-"),
            }
        )


#: Words for no day.
UNLIMITED, NONE = pgettext_lazy("cell", "unlimited"), pgettext_lazy("cell", "none")


class DayWidget(Widget):
    """A day, or one of the words for none: as spreadsheet programs store it, or as Germans write it.

    Other ways of writing are refused: in 11/12/2026, the month may be either.
    """

    NO_DAY: tuple[Any, ...] = ("-", "–", UNLIMITED)  # noqa: RUF001 (an en dash)
    _FORMATS = ("%Y-%m-%d", "%Y-%m-%dT00:00:00", "%d.%m.%Y")

    @cached_property
    def _none(self) -> set[str]:
        return {translated.casefold() for text in self.NO_DAY for translated in in_every_language(text)}

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> date | None:
        if value.casefold() in self._none:
            return None
        for form in self._FORMATS:
            with suppress(ValueError):
                day = datetime.strptime(value, form).date()
                if periods.FIRST_DAY <= day <= periods.LAST_DAY:
                    return day
        raise ValueError(_("“%(value)s” is no date. Write it as 2026-12-31.") % {"value": value[:100]})

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else f"{value:%Y-%m-%d}"


class LastDayWidget(DayWidget):
    """The last day of a period that ends at a moment, or "none"."""

    NO_DAY = (*DayWidget.NO_DAY, NONE)

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> datetime | None:
        day = super().clean(value, row, **kwargs)
        return periods.period_of(None, day).ends_at

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return super().render(periods.last_day(Period(None, value)), obj, **kwargs)


def in_every_language(text: Any) -> set[str]:
    """A lazily translated text in each language of the site: a file may be in any of them."""
    found = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            found.add(str(text))
    return found
