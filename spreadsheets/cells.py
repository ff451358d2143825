"""One cell of a sheet: what is written into it, and what people mean by what they write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext_lazy
from import_export.widgets import Widget

#: Where a spreadsheet program may see a formula (OWASP, "CSV injection"): at the beginning of a text, and after
#: whatever it may take for the end of a cell: one that splits at semicolons does not heed quotes that follow a comma.
_FORMULA = r"(?=[' ]*[=+\-@\t\r\n＝＋－＠])"  # noqa: RUF001 (the wide ones count, too)
_FIRST = re.compile(_FORMULA)
_FURTHER = re.compile(rf"[,;|\t\r\n]{_FORMULA}")
_FURTHER_NEUTRALISED = re.compile(rf"(?<=[,;|\t\r\n])'{_FORMULA}")
#: XML 1.0, and so XLSX, has no way to write these.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def neutralised(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet program would begin a formula."""
    further = _FURTHER.sub(r"\g<0>'", text)
    return f"'{further}" if _FIRST.match(text) else further


def restored(text: str) -> str:
    """Undoes `neutralised`, and only that."""
    first = text[1:] if text.startswith("'") and _FIRST.match(text, 1) else text
    return _FURTHER_NEUTRALISED.sub("", first)


def writable(text: str) -> str:
    """The text as any sheet can hold it: neutralised, and without characters that XLSX cannot carry."""
    return neutralised(_UNWRITABLE.sub("\ufffd", text))


def settled(text: str) -> str:
    """What is left of a text after its way through a sheet: two texts that settle alike are the same."""
    return _UNWRITABLE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def text_of(value: Any) -> str:
    """A cell's value as text, whatever type a spreadsheet program made of it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date():
            return value.isoformat()
    return restored(str(value).strip())


class Text(Widget):
    """Text as it is."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        return value

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(value)


class Word(Widget):
    """One of a few values, each with the words that people write for it, in each language of the site.

    The first word is the one exported, in the reader's language.
    """

    def __init__(self, words: Mapping[Any, tuple[Any, ...]]) -> None:
        super().__init__()
        self.words = words

    @cached_property
    def meanings(self) -> dict[str, Any]:
        return {
            spelling.casefold(): value
            for value, words in self.words.items()
            for word in words
            for spelling in in_every_language(word)
        }

    @cached_property
    def shown(self) -> dict[Any, str]:
        """What is exported for each value. Read once, since a million rows ask: a resource speaks one language."""
        return {value: str(words[0]) for value, words in self.words.items()}

    @cached_property
    def _refusal(self) -> str:
        return _("“%(value)s” is not known here. Write one of: %(choices)s.")

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        if value.casefold() not in self.meanings:
            raise ValueError(self._refusal % {"value": value[:100], "choices": ", ".join(self.shown.values())})
        return self.meanings[value.casefold()]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return self.shown.get(value, "")


class YesNo(Word):
    """A tick, in the spellings of people and of their spreadsheet programs."""

    def __init__(self) -> None:
        super().__init__(
            {
                True: (pgettext_lazy("cell", "yes"), "y", "j", "true", "wahr", "1", "on", "x"),
                False: (pgettext_lazy("cell", "no"), "n", "false", "falsch", "0", "off", "-"),
            }
        )


def in_every_language(text: Any) -> set[str]:
    """A lazily translated text in all languages of the site: a file may have been written in any of them."""
    found = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            found.add(str(text))
    return found
