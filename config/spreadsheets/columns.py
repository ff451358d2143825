"""A column of a sheet: its headings, its explanation, and how its cells are compared and shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from import_export.fields import Field
from import_export.widgets import CharWidget

from config.spreadsheets.cells import after_round_trip, in_every_language
from config.spreadsheets.reading.headings import normalized_heading
from config.text import name_key

_REMARK = "# {}: {}: {}"


class UnknownName(NamedTuple):
    """A name in a cell that nothing has, and a similar name that something has, or ""."""

    reason: str
    written: str
    suggested: str


class UnknownNamesError(ValueError):
    """Raised by a widget. Its argument is a list of `UnknownName`."""


@dataclass(eq=False, repr=False)
class Column(Field):
    """A field of django-import-export with what a person needs to know to fill it in. Its name is the `column_name`."""

    attribute: str
    #: Written in the language of the reader; read in every language of the site.
    heading: Any
    only_by_name: KW_ONLY
    explanation: Any
    example: Any = ""
    #: What a blank cell means, for reports of changes.
    blank: Any = ""
    #: Further accepted headings.
    aliases: tuple[str, ...] = ()
    is_required: bool = False
    #: Imported, but never displayed and never exported.
    is_secret: bool = False
    #: The text of a cell in its normal form (`config.text`).
    normal: Callable[[str], str] = str
    ignores_case: bool = False
    #: Whether a cell may have several names (`names_in`).
    has_several_names: bool = False
    widget: Any = None

    def __post_init__(self) -> None:
        super().__init__(attribute=self.attribute, widget=self.widget or CharWidget())

    def key(self, text: str) -> str:
        """Two cells with the same key mean the same."""
        return self.normal(text).lower() if self.ignores_case else self.normal(text)

    def replaced(self, text: str, names: Mapping[str, str]) -> str:
        """The text with other names. `names` has those of the file by their keys."""
        if not self.has_several_names:
            return names.get(name_key(text), text)
        return "; ".join(names.get(name_key(name), name) for name in names_in(text))

    def headings(self) -> set[str]:
        """Every accepted heading, normalized."""
        return _normalized(self.column_name, *in_every_language(self.heading), *self.aliases)

    @property
    def _use(self) -> Any:
        return _("required") if self.is_required else _("optional")

    def description(self) -> list[str]:
        """Heading, whether it is required, and explanation, as the template has them."""
        return [str(self.heading), str(self._use), str(self.explanation)]

    def remark(self) -> str:
        """The line of the CSV template that describes the column."""
        return _REMARK.format(*self.description())

    def beginnings_of_remark(self) -> set[str]:
        """What the remark begins with in every language, whatever its explanation was in an older version."""
        return in_every_language(format_lazy(_REMARK, self.heading, self._use, ""))

    def display(self, value: Any) -> str:
        return ("•••" if value else "") if self.is_secret else self.widget.render(value)

    def compared(self, value: Any) -> str:
        """The same beside another value: a blank one in words."""
        return self.display(value) or str(self.blank)

    def holds(self, instance: Model, text: str) -> bool:
        """True if an export would write this text for the instance's current value."""
        current = self.get_value(instance)
        return isinstance(current, str) and not self.is_secret and after_round_trip(current) == after_round_trip(text)


@dataclass(frozen=True)
class InformativeColumn:
    """Exported for the reader. The import knows its heading, so that an export comes back in, and ignores its cells."""

    name: str
    heading: Any
    #: The cell of a row, in the active language.
    cell: Callable[[Any], str]

    def headings(self) -> set[str]:
        return _normalized(self.name, *in_every_language(self.heading))


def date_cell(time: datetime | None) -> str:
    """The local date in ISO 8601, which spreadsheet programs read in every language."""
    return f"{timezone.localtime(time):%Y-%m-%d}" if time else ""


def names_in(text: str) -> list[str]:
    """The names of a cell with several: people separate them by semicolons, or by line breaks in the cell."""
    return [name.strip() for name in re.split(r"[;\r\n]", text) if name.strip()]


def _normalized(*texts: str) -> set[str]:
    return {normalized_heading(text) for text in texts}
