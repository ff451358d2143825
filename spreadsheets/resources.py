"""What all our sheets share, on top of django-import-export: faults by column, changes field by field.

Rows are taken in batches. A batch reads what it needs with a fixed number of queries and, when applied, is written
through doors of the models: never row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

import tablib
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import RowResult

from config.authority import AuthorityLostError
from spreadsheets.cells import Text, in_every_language, settled
from spreadsheets.files import Row, Sheet, heading_of
from spreadsheets.reports import Report

#: Rows per batch: few enough to keep memory flat, many enough to keep queries few.
BATCH_ROWS = 250
#: Most characters of a reason: some repeat what stood in the cell.
MAX_REASON_CHARACTERS = 500
#: Where a row's number travels through django-import-export.
_NUMBER = "#"


class Column(Field):
    """A column of a sheet, with what people must know to fill it in."""

    def __init__(
        self,
        attribute: str,
        column_name: str,
        heading: Any,
        *,
        explanation: Any,
        example: Any = "",
        aliases: tuple[str, ...] = (),
        is_required: bool = False,
        is_secret: bool = False,
        ignores_case: bool = False,
        widget: Any = None,
    ) -> None:
        super().__init__(attribute=attribute, column_name=column_name, widget=widget or Text())
        #: What stands above it, in the reader's language. A file may have it in any language.
        self.heading = heading
        self.explanation = explanation
        self.example = example
        #: Further headings that are understood.
        self.aliases = aliases
        self.is_required = is_required
        #: Read, but never shown and never exported.
        self.is_secret = is_secret
        self.ignores_case = ignores_case

    def headings(self) -> set[str]:
        """Every heading that means this column, in the spelling of `heading_of`."""
        return {heading_of(text) for text in (self.column_name, *in_every_language(self.heading), *self.aliases)}

    def shown(self, value: Any) -> str:
        return ("•••" if value else "") if self.is_secret else self.widget.render(value)

    def holds(self, instance: Model, text: str) -> bool:
        """True if this text is what an export would write for the value that is there."""
        current = self.get_value(instance)
        return isinstance(current, str) and not self.is_secret and settled(current) == settled(text)


class FaultyRowError(ValidationError):
    """Tells django-import-export that a row is invalid, and carries why: column, reason, and what stood there."""

    def __init__(self, faults: list[tuple[str, str, str]]) -> None:
        super().__init__("")
        self.faults = faults


class FromBatch(BaseInstanceLoader):
    """Finds rows among those that `prefetch` has read for the whole batch."""

    def __init__(self, resource: SheetResource, dataset: tablib.Dataset) -> None:
        super().__init__(resource, dataset)
        resource.prefetch(dataset.dict)

    def get_instance(self, row: dict[str, str]) -> Model | None:
        return self.resource.existing(row)


class SheetMeta:
    """Options of django-import-export: no queries per row, and our own comparison instead of its HTML."""

    use_bulk = True
    use_transactions = False
    skip_diff = True
    skip_html_diff = True
    report_skipped = True
    store_row_values = True
    clean_model_instances = True
    instance_loader_class = FromBatch


class SheetResource(ModelResource):
    """Turns rows into people or assignments, and back. Subclasses say which columns there are, and the rules."""

    #: Columns that together say what a row is about: a file may name it only once.
    key: ClassVar[tuple[str, ...]]

    def __init__(self, importer: Any = None, *, is_applied: bool = False) -> None:
        super().__init__()
        self.importer = importer
        self.is_applied = is_applied
        #: Those of a file that is applied, read before anybody is locked.
        self._read: list[Row] = []
        #: What the batch would write: the instance, and whether it is new.
        self.pending: list[tuple[Any, bool]] = []
        self._seen: dict[tuple[str, ...], int] = {}
        self._columns: list[str] = []
        self._language = get_language()
        self._all: list[Column] = [self.fields[name] for name in self._meta.fields]
        self._must_be_filled = _("This must not be empty.")
        #: What no column writes need not be looked at again.
        self._unwritten = {field.name for field in self._meta.model._meta.fields} - {
            column.attribute for column in self._all
        }
        self._headings = {column.column_name: str(column.heading) for column in self._all}

    # --- For subclasses ---
    @classmethod
    def exported(cls, rows: Any) -> Any:
        """The rows to export, with what they need."""
        raise NotImplementedError

    def prepare(self, instance: Any) -> None:
        """Sets what columns need beyond the fields of the model."""

    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """Reads all that the batch will need."""
        raise NotImplementedError

    def existing(self, row: dict[str, str]) -> Any:
        raise NotImplementedError

    def label(self, instance: Any) -> str:
        return str(instance)

    def foresee(self, number: int, row: dict[str, str]) -> None:
        """Does what takes long for the row with this number, and needs nobody locked."""

    def rules(self, instance: Any, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        """Column and reason of everything that is wrong with a row beyond its single cells."""
        yield from ()

    def side_effects(self, instance: Any) -> list[tuple[str, str, str]]:
        """Further changes that a row brings, to be shown: column, before, after."""
        return []

    def write(self) -> None:
        """Writes `pending` through the models' doors, or keeps it for `finish`."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once, after the last row of a file that is applied and has no faults."""

    # --- The sheet ---
    @classmethod
    def columns(cls) -> list[Column]:
        """In the order of `Meta.fields`, which is that of exports, too."""
        return [cls.fields[name] for name in cls._meta.fields]

    @classmethod
    def known_headings(cls) -> dict[str, str]:
        """Headings that are understood, each with the name of its column."""
        return {heading: column.column_name for column in cls.columns() for heading in column.headings()}

    @classmethod
    def exported_columns(cls) -> list[Column]:
        return [column for column in cls.columns() if not column.is_secret]

    def lines(self, rows: Iterable[Any], asked_at: datetime) -> Iterator[list[str]]:
        """Each row as an export has it, in the language of whoever asked: a stream goes out after their request.

        Raises AuthorityLostError once they may not see them any more: the file that they have so far ends there, and
        their browser tells that the download failed.
        """
        found = iter(rows)
        while batch := list(islice(found, BATCH_ROWS)):
            if not self.importer.has_authority(asked_at):
                raise AuthorityLostError
            with override(self._language):
                lines = [self._line(row) for row in batch]
            yield from lines

    def _line(self, row: Any) -> list[str]:
        self.prepare(row)
        return [column.export(row) for column in self._all if not column.is_secret]

    def make_ready(self, sheet: Sheet) -> Iterator[int]:
        """What a file that is applied needs and can be done while nobody waits; yields how many rows are done."""
        columns = self._columns_of(sheet.headings)
        for row in sheet.rows:
            self._read.append(row)
            self.foresee(row.number, dict(zip(columns, row.cells, strict=False)))
            if len(self._read) % BATCH_ROWS == 0:
                yield len(self._read)

    def _lock(self) -> None:
        """Locks everybody whom the sheet may change before anything is looked at, in the order of their keys.

        Batch by batch, two who write many people could wait for each other.
        """
        place = self._columns.index("email")
        emails = {row.cells[place] for row in self._read if len(row.cells) > place}
        people = self.changeable(get_user_model().objects.by_emails(emails))
        len(people.order_by("pk").only("pk").locked())

    def changeable(self, people: Any) -> Any:
        """Those of these people whom the importer may change by a sheet; but for themselves.

        So a colleague can block the importer at any time, also one whose sheet names themselves.
        """
        return people.exclude(pk=self.importer.pk)

    def run(self, sheet: Sheet, report: Report) -> Iterator[int]:
        """Takes every row of the sheet; yields how many are done. What is found goes into the report."""
        self._columns = self._columns_of(sheet.headings)
        report.notes += sheet.notes
        rows, done = sheet.rows, 0
        if self.is_applied:
            rows = iter(self._read)
            self._lock()
        while batch := list(islice(rows, BATCH_ROWS)):
            self._take(batch, report)
            done += len(batch)
            yield done
        if not done:
            raise ValidationError(_("The file has a heading but no rows."))
        if self.is_applied and report.is_sound:
            self.finish()

    def _columns_of(self, headings: list[str]) -> list[str]:
        """The column that each heading means. Raises ValidationError with everything that is wrong with them."""
        known = self.known_headings()
        names = [known.get(heading_of(heading), "") for heading in headings]
        unknown = [heading or _("(no name)") for heading, name in zip(headings, names, strict=True) if not name]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        missing = [column.column_name for column in self._all if column.is_required and column.column_name not in names]
        problems = [
            (_("These columns are missing: %(names)s."), self._shown(missing)),
            (_("These columns are unknown: %(names)s. Check their spelling, or remove them."), unknown),
            (_("These columns are there more than once: %(names)s."), self._shown(twice)),
            (_("Known columns: %(names)s."), list(self._headings.values())),
        ]
        if missing or unknown or twice:
            raise ValidationError([words % {"names": ", ".join(bad)} for words, bad in problems if bad])
        return names

    def _shown(self, names: list[str]) -> list[str]:
        return [self._headings[name] for name in names]

    def _take(self, batch: list[Row], report: Report) -> None:
        self.pending = []
        result = self.import_data(self._dataset(batch, report), use_transactions=False)
        for error in result.base_errors + [error for row in result.error_rows for error in row.errors]:
            raise error.error
        for row_result in result.rows:
            self._report(row_result, report)
        if self.is_applied and report.is_sound:
            self.write()

    def _dataset(self, batch: list[Row], report: Report) -> tablib.Dataset:
        """The rows as django-import-export wants them; without those that have cells too many."""
        width = len(self._columns)
        dataset = tablib.Dataset(headers=[_NUMBER, *self._columns])
        for row in batch:
            if len(row.cells) > width:
                report.add_faults(row.number, [("", _("There are more cells than columns."), "")])
            else:
                dataset.append([row.number, *row.cells, *[""] * (width - len(row.cells))])
        return dataset

    def _report(self, result: RowResult, report: Report) -> None:
        number = result.row_values[_NUMBER]
        if result.import_type == RowResult.IMPORT_TYPE_INVALID:
            report.add_faults(number, result.validation_error.faults)
        elif result.import_type == RowResult.IMPORT_TYPE_SKIP:
            report.unchanged_rows += 1
        elif result.import_type == RowResult.IMPORT_TYPE_NEW:
            report.add_created(number, result.label, {name: after for name, _before, after in result.changes if after})
        else:
            report.add_changed(number, result.label, result.changes)

    # --- Steps of django-import-export, row by row ---
    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        self._row = row
        #: Column → what is wrong with it. Plain texts: an exception for each would cost more than all the rest.
        self._found: dict[str, list[str]] = defaultdict(list)

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        self.prepare(instance)
        self._values = {} if new else {column.column_name: column.get_value(instance) for column in self._all}

    def import_field(self, field: Column, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """An empty cell leaves what is there."""
        text = row.get(field.column_name, "")
        if not text and field.is_required:
            self._found[field.column_name].append(self._must_be_filled)
        if text and not field.holds(instance, text):
            try:
                setattr(instance, field.attribute, field.widget.clean(text, row))
            except ValueError as error:
                self._found[field.column_name].append(str(error))

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        self._again = self._seen_before(row)
        self._changed = self._changes_of(instance)
        return bool(self._values) and not (self._found or self._again or self._changed)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Every fault of the row at once: its cells, the model's fields, and the rules."""
        if self._meta.clean_model_instances:
            self._look_at_fields(instance)
        for name, reason in (*self._again, *self.rules(instance, self._row, self._changed)):
            self._found[name].append(reason)
        if self._found:
            raise FaultyRowError([*self._faults()])

    def _look_at_fields(self, instance: Any) -> None:
        wrong = {column.attribute for column in self._all if column.column_name in self._found}
        try:
            instance.full_clean(exclude=wrong | self._unwritten, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            names = {column.attribute: column.column_name for column in self._all}
            for attribute, reasons in error.message_dict.items():
                self._found[names.get(attribute, "")] += reasons

    def _faults(self) -> Iterator[tuple[str, str, str]]:
        """Heading, reason, and what stood there, in the order of the columns."""
        for column in self._all:
            for reason in self._found.get(column.column_name, ()):
                stood = "" if column.is_secret else self._row.get(column.column_name, "")[:100]
                yield self._headings[column.column_name], _shortened(reason), stood
        yield from (("", _shortened(reason), "") for reason in self._found.get("", ()))

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        self.pending.append((instance, is_create))

    def after_import_row(self, row: Any, row_result: Any, **kwargs: Any) -> None:
        if row_result.import_type == RowResult.IMPORT_TYPE_SKIP:
            return
        instance = self.pending[-1][0]
        row_result.label = self.label(instance)
        row_result.changes = [
            (
                self._headings[column.column_name],
                column.shown(self._values[column.column_name]) if self._values else "",
                column.shown(column.get_value(instance)),
            )
            for column in self._all
            if column.column_name in self._changed
        ] + self.side_effects(instance)

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """Nothing: the sequences are the database's own."""

    def _changes_of(self, instance: Any) -> set[str]:
        """Names of the columns whose value is not what it was; all of a new one."""
        return {
            column.column_name
            for column in self._all
            if not self._values or column.get_value(instance) != self._values[column.column_name]
        }

    def _seen_before(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        texts = ((self.fields[name], row.get(name, "")) for name in self.key)
        key = tuple(text.casefold() if column.ignores_case else text for column, text in texts)
        if not all(key):
            return []
        first = self._seen.setdefault(key, row[_NUMBER])
        reason = _("The same as in row %(row)s: keep only one of them.") % {"row": first}
        return [(self.key[-1], reason)] if first != row[_NUMBER] else []


def _shortened(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON_CHARACTERS else f"{reason[:MAX_REASON_CHARACTERS]} …"
