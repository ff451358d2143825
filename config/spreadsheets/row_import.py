"""The import of one row: the steps of django-import-export, with every fault by column and every change by field."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.resources import ModelResource

from config.spreadsheets.cells import is_error
from config.spreadsheets.columns import Column, UnknownName, UnknownNamesError
from config.spreadsheets.reading.headings import normalized_heading
from config.spreadsheets.reports import CellFault, Report, Suggestion

#: Some reasons quote the cell: longer ones are truncated.
MAX_REASON_CHARACTERS = 500
#: Characters of a faulty cell that a report quotes.
_MAX_VALUE_CHARACTERS = 100
#: Characters of the longest name for which another can be taken.
_MAX_REPLACED_CHARACTERS = 255


class RowResource(ModelResource):
    """Imports a row into an instance without a query and without saving it. Subclasses add the columns and the rules.

    The hooks of django-import-export run in the order of this file.
    """

    #: Names of the columns that identify a row. Two rows of one file must not have the same values in all of them.
    key: ClassVar[tuple[str, ...]]

    class Meta:
        skip_diff = True
        clean_model_instances = True

    def __init__(self) -> None:
        super().__init__()
        #: Normalized headings of unknown columns that are not read.
        self.ignored: Collection[str] = ()
        self._fields: list[Column] = self.get_import_fields()
        self._headings = {field.column_name: str(field.heading) for field in self._fields}
        #: Fields of the model that no column writes: they need no validation.
        self._unwritten = {field.name for field in self._meta.model._meta.fields} - {
            field.attribute for field in self._fields
        }
        #: Read once: translating is slow compared with the rest of a row.
        self._required_message = _("This must not be empty.")
        self._uncomputed_message = _(
            "This formula has no stored result: "
            "save the file once in Excel or LibreOffice so that its result is stored."
        )
        self._error_message = _("The spreadsheet program shows an error here: %(value)s. Correct the cell there.")
        #: Values of the key → number of the first row that has them.
        self._first_rows: dict[tuple[str, ...], int] = {}
        #: The instances to write, each with whether it is new.
        self.pending: list[tuple[Any, bool]] = []

    # --- For subclasses ---
    @classmethod
    def known_headings(cls) -> dict[str, str]:
        """Accepted heading → name of its column."""
        raise NotImplementedError

    def prepare(self, instance: Any) -> None:
        """Sets the attributes of columns that are not fields of the model."""

    def rules(self, instance: Any, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        """Column and reason of each fault beyond the single cells."""
        yield from ()

    def label(self, instance: Any) -> str:
        return str(instance)

    def side_effects(self, instance: Any) -> list[tuple[str, str, str]]:
        """Further changes that the row causes: column, before, after."""
        return []

    # --- Steps of django-import-export ---
    def before_import_row(
        self, row: dict[str, Any], row_number: int = 0, uncomputed: Iterable[str] = (), **kwargs: Any
    ) -> None:
        """`uncomputed` has the columns with a formula that has no result."""
        self._row, self._number = row, row_number
        #: Column → reasons, as text: one exception for each would dominate the time of a faulty file.
        self._faults: dict[str, list[str]] = defaultdict(list)
        for name in uncomputed:
            if name in self._headings:
                self._faults[name].append(self._uncomputed_message)
        #: Column and reason → what is suggested.
        self._suggestions: dict[tuple[str, str], Suggestion] = {}

    def get_or_init_instance(self, instance_loader: Any, row: dict[str, Any]) -> tuple[Any, bool]:
        """A second row with the same key gets a copy: its values must not get into what the first row writes."""
        instance, is_new = super().get_or_init_instance(instance_loader, row)
        self._duplicates = self._duplicates_of(row)
        return (copy.copy(instance) if self._duplicates else instance), is_new

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        self.prepare(instance)
        self._values = {} if new else self._values_of(instance)

    def import_field(self, field: Column, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """An empty cell leaves the current value unchanged."""
        text = field.normal(row.get(field.column_name, ""))
        if reason := self._unreadable(field, text):
            self._faults[field.column_name].append(reason)
        elif text and not field.holds(instance, text):
            try:
                setattr(instance, field.attribute, field.widget.clean(text, row))
            except UnknownNamesError as error:
                for unknown in error.args[0]:
                    self._add_unknown(field.column_name, unknown)
            except ValueError as error:
                self._faults[field.column_name].append(str(error))

    def _unreadable(self, field: Column, text: str) -> str:
        """The fault of a cell without a value that could be imported."""
        if not text and field.is_required and not self._faults.get(field.column_name):
            return self._required_message
        return self._error_message % {"value": text} if is_error(text) else ""

    def _add_unknown(self, column: str, unknown: UnknownName) -> None:
        self._faults[column].append(unknown.reason)
        if unknown.suggested and len(unknown.written) <= _MAX_REPLACED_CHARACTERS:
            self._suggestions[column, unknown.reason] = (column, unknown.written, unknown.suggested)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        self._changed = {
            name for name, value in self._values_of(instance).items() if not self._values or value != self._values[name]
        }
        return bool(self._values) and not (self._faults or self._duplicates or self._changed)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Collects the faults of the cells, of the model's fields and of the rules. Raises ValidationError if any."""
        if self._meta.clean_model_instances:
            self._validate_fields(instance)
        for name, reason in (*self._duplicates, *self.rules(instance, self._row, self._changed)):
            self._faults[name].append(reason)
        if self._faults:
            raise ValidationError("")

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Saved later, with its batch."""
        self.pending.append((instance, is_create))

    # --- Headings ---
    def columns_of(self, headings: list[str], report: Report) -> list[str]:
        """The column of each heading, "" for one to ignore. Raises ValidationError with every fault of the headings."""
        known = self.known_headings()
        names = [known.get(normalized_heading(heading), "") for heading in headings]
        strange = [heading for heading, name in zip(headings, names, strict=True) if not name]
        unknown = [heading for heading in strange if normalized_heading(heading) not in self.ignored]
        repeated = sorted({name for name in names if name in self._headings and names.count(name) > 1})
        missing = [field.column_name for field in self._fields if field.is_required and field.column_name not in names]
        if not (missing or unknown or repeated):
            if strange:
                report.notes.append(_("These columns are not imported: %(names)s.") % {"names": _listed(strange)})
            return names
        report.unknown_columns = [] if missing or repeated else unknown
        problems = [
            (_("These columns are missing: %(names)s."), [self._headings[name] for name in missing]),
            (_("These columns are unknown: %(names)s. Check their spelling, or remove them."), unknown),
            (_("These columns are there more than once: %(names)s."), [self._headings[name] for name in repeated]),
            (_("Known columns: %(names)s."), list(self._headings.values())),
        ]
        raise ValidationError([words % {"names": _listed(names)} for words, names in problems if names])

    # --- For reports ---
    def faults(self) -> Iterator[CellFault]:
        """The faults of the current row, in the order of the columns, with their headings."""
        for field in self._fields:
            for reason in self._faults.get(field.column_name, ()):
                value = "" if field.is_secret else self._row.get(field.column_name, "")[:_MAX_VALUE_CHARACTERS]
                suggestion = self._suggestions.get((field.column_name, reason))
                yield self._headings[field.column_name], _truncated(reason), value, suggestion
        yield from (("", _truncated(reason), "", None) for reason in self._faults.get("", ()))

    def changes(self, instance: Any) -> list[tuple[str, str, str]]:
        """Heading, value before and value after of each change by the current row."""
        return [
            (
                self._headings[field.column_name],
                field.compared(self._values[field.column_name]) if self._values else "",
                (field.compared if self._values else field.display)(field.get_value(instance)),
            )
            for field in self._fields
            if field.column_name in self._changed
        ] + self.side_effects(instance)

    def _values_of(self, instance: Any) -> dict[str, Any]:
        return {field.column_name: field.get_value(instance) for field in self._fields}

    def _duplicates_of(self, row: dict[str, str]) -> list[tuple[str, str]]:
        """Column and reason if an earlier row has the same key."""
        key = tuple(self.fields[name].key(row.get(name, "")) for name in self.key)
        if not all(key) or (first := self._first_rows.setdefault(key, self._number)) == self._number:
            return []
        return [(self.key[-1], _("The same as in row %(row)s: keep only one of them.") % {"row": first})]

    def _validate_fields(self, instance: Any) -> None:
        faulty = {field.attribute for field in self._fields if field.column_name in self._faults}
        try:
            instance.full_clean(exclude=faulty | self._unwritten, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            names = {field.attribute: field.column_name for field in self._fields}
            for attribute, reasons in error.message_dict.items():
                self._faults[names.get(attribute, "")] += reasons


def _truncated(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON_CHARACTERS else f"{reason[:MAX_REASON_CHARACTERS]} …"


def _listed(headings: Iterable[str]) -> str:
    return ", ".join(heading or _("(no name)") for heading in headings)
