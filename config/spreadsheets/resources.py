"""A resource of django-import-export that imports and exports sheets in batches.

A batch costs a fixed number of queries. When a file is applied, a batch is written by the write methods of the models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice, repeat
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.utils.translation import get_language, override, pgettext_lazy
from django.utils.translation import gettext as _
from import_export.results import RowResult
from psycopg.errors import UniqueViolation

from config.back_office.authority import AuthorityLostError
from config.spreadsheets.columns import Column, InformativeColumn
from config.spreadsheets.reading.files import Row, Sheet
from config.spreadsheets.reading.tables import UNCOMPUTED
from config.spreadsheets.reports import Fault, Report, Suggestion
from config.spreadsheets.row_import import MAX_REASON_CHARACTERS, RowResource
from config.text import name_key

#: Added to the rows that are left out.
FAULTS = InformativeColumn("faults", pgettext_lazy("column", "faults"), lambda _row: "")
#: Rows of a batch: a larger one needs more memory, a smaller one more queries.
BATCH_ROWS = 250


class SheetResource(RowResource):
    """Subclasses declare the columns, read what a batch needs and write it. One instance imports or exports once."""

    #: Begins the names of files, such as `users` in `users-2026-11-28.xlsx`.
    file_name: ClassVar[str]
    #: Distinguishes the sheets of one model: `?sheet=` in the URL of its pages.
    variant: ClassVar[str] = ""
    #: Permissions that an import needs beyond those to add and change rows of the model.
    rights_to_import: ClassVar[tuple[str, ...]] = ()
    #: Permissions that an export needs beyond that to view the list.
    rights_to_export: ClassVar[tuple[str, ...]] = ()
    #: Columns that are exported after the others.
    informative: ClassVar[tuple[InformativeColumn, ...]] = ()

    def __init__(
        self,
        importer: Any = None,
        *,
        is_applied: bool = False,
        ignored: Collection[str] = (),
        replacements: Iterable[Suggestion] = (),
        leaves_out_faulty: bool = False,
    ) -> None:
        super().__init__()
        self.importer = importer
        self.is_applied = is_applied
        self.ignored = ignored
        #: Column → key of a name in the file → name that is read instead.
        self._replacements: dict[str, dict[str, str]] = defaultdict(dict)
        for column, written, name in replacements:
            self._replacements[column][name_key(written)] = name
        #: Whether rows with faults are left out when a file is applied, instead of refusing the file.
        self.leaves_out_faulty = leaves_out_faulty
        #: Headings, and the rows that were left out, as they are in the file. The last column has the faults.
        self.left_out: list[list[str]] = []
        #: All rows of a file that is applied: read before the first lock.
        self._rows_to_apply: list[Row] = []
        self._reading = ""
        #: Column names in the order of the file.
        self._file_columns: list[str] = []
        self._language = get_language()

    @classmethod
    def kind(cls) -> str:
        """The label of the model, such as `users.user`, and the variant."""
        label: str = cls._meta.model._meta.label_lower
        return f"{label}/{cls.variant}" if cls.variant else label

    @classmethod
    def title(cls) -> Any:
        """What is imported and exported, in the plural."""
        return cls._meta.model._meta.verbose_name_plural

    @classmethod
    def may_import(cls, person: Any) -> bool:
        """An import may add and change rows, even if no page of the Back Office has a form for that."""
        label = cls._meta.model._meta
        own = [f"{label.app_label}.{action}_{label.model_name}" for action in ("add", "change")]
        return all(map(person.may_somewhere, [*own, *cls.rights_to_import]))

    # --- For subclasses ---
    @classmethod
    def exported(cls, rows: Any, viewer: Any) -> Any:
        """The queryset of the rows to export, with every column that is needed, as far as the viewer may see it."""
        raise NotImplementedError

    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """Reads what the import of these rows needs."""
        raise NotImplementedError

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> Any:
        """The row's instance among those that `prefetch` read, or None."""
        raise NotImplementedError

    def precompute(self, number: int, row: dict[str, str]) -> None:
        """Slow work for the row with this number that needs no lock."""

    def changeable(self, people: Any) -> Any:
        """Those of these people whom the importer may change by a sheet, except the importer.

        Their own row is not locked, so that a colleague can block them at any time.
        """
        return people.visible_to(self.importer).exclude(pk=self.importer.pk)

    def seen(self, people: Mapping[str, Any]) -> dict[str, Any]:
        """Those of these people, by their keys, whom the importer may see. One query for a confined one, else none."""
        if not self.importer.is_confined:
            return {**people}
        found = get_user_model().objects.filter(pk__in=[one.pk for one in people.values()])
        seen = {*found.visible_to(self.importer).values_list("pk", flat=True)}
        return {key: one for key, one in people.items() if one.pk in seen}

    def write(self) -> None:
        """Writes the `pending` instances of a batch, or keeps them for `finish`."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once, after the last batch of a file that is applied and has no faults."""

    # --- Columns ---
    @classmethod
    def columns(cls) -> list[Column]:
        """In the order of `Meta.fields`."""
        return [cls.fields[name] for name in cls._meta.fields]

    @classmethod
    def exported_headings(cls) -> list[str]:
        imported = [str(column.heading) for column in cls.columns() if not column.is_secret]
        return imported + [str(column.heading) for column in cls.informative]

    @classmethod
    def known_headings(cls) -> dict[str, str]:
        """Accepted heading → name of its column."""
        columns = (*cls.informative, FAULTS)
        ignored = {heading: column.name for column in columns for heading in column.headings()}
        return ignored | {heading: column.column_name for column in cls.columns() for heading in column.headings()}

    @classmethod
    def remarks(cls) -> set[str]:
        """What the remarks of the CSV template begin with."""
        return {beginning for column in cls.columns() for beginning in column.beginnings_of_remark()}

    # --- Export ---
    def lines(self, rows: Iterable[Any], asked_at: datetime) -> Iterator[list[str]]:
        """The cells of each row, in the language in which this resource was made.

        Raises AuthorityLostError as soon as the person may no longer see the rows.
        """
        remaining = iter(rows)
        while batch := list(islice(remaining, BATCH_ROWS)):
            if not self.importer.has_authority(asked_at):
                raise AuthorityLostError
            with override(self._language):
                lines = [self._line(row) for row in batch]
            yield from lines

    def _line(self, row: Any) -> list[str]:
        self.prepare(row)
        cells = [field.export(row) for field in self._fields if not field.is_secret]
        return cells + [column.cell(row) for column in self.informative]

    # --- Import ---
    def load_rows(self, sheet: Sheet) -> Iterator[int]:
        """Reads and precomputes a file to be applied, before the first lock. Yields the number of rows done."""
        self._file_columns = self.columns_of(sheet.headings, Report())
        for row in self._replaced(sheet.rows):
            self._rows_to_apply.append(row)
            self.precompute(row.number, self._cells_by_column(row))
            if len(self._rows_to_apply) % BATCH_ROWS == 0:
                yield len(self._rows_to_apply)
        self._reading = sheet.summary(len(self._rows_to_apply))

    def run(self, sheet: Sheet, report: Report) -> Iterator[int]:
        """Checks or applies every row of the sheet. Yields the number of rows done; the results go into the report."""
        report.reading = sheet.summary(0)
        self._file_columns = self.columns_of(sheet.headings, report)
        report.notes += sheet.notes
        self.left_out = [[*sheet.headings, str(FAULTS.heading)]]
        rows, done = self._replaced(sheet.rows), 0
        if self.is_applied:
            rows = iter(self._rows_to_apply)
            self._lock_people()
        while batch := list(islice(rows, BATCH_ROWS)):
            self._import_batch(batch, report)
            done += len(batch)
            yield done
        report.reading = self._reading or sheet.summary(done)
        if not done:
            raise ValidationError(_("The file has a heading but no rows."))
        if self._is_written(report):
            self.finish()

    def _is_written(self, report: Report) -> bool:
        return self.is_applied and report.is_applicable(leaves_out_faulty=self.leaves_out_faulty)

    def _lock_people(self) -> None:
        """Locks every person of the file in the order of their keys.

        Locks taken batch by batch could deadlock with another writer of many people.
        """
        emails = {self._cells_by_column(row)["email"] for row in self._rows_to_apply}
        people = self.changeable(get_user_model().objects.by_emails(emails))
        len(people.order_by("pk").only("pk").locked())

    def _replaced(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows with the suggestions that the person took."""
        columns = [(self.fields.get(name), self._replacements.get(name, {})) for name in self._file_columns]
        for row in rows:
            cells = zip(row.cells, chain(columns, repeat((None, {}))), strict=False)
            yield Row(row.number, [field.replaced(cell, names) if names else cell for cell, (field, names) in cells])

    def _cells_by_column(self, row: Row) -> dict[str, str]:
        """Empty text for each cell that the end of the row lacks, and for a formula without a result."""
        cells = ("" if cell == UNCOMPUTED else cell for cell in chain(row.cells, repeat("")))
        return dict(zip(self._file_columns, cells, strict=False))

    def _uncomputed(self, row: Row) -> list[str]:
        """The columns in which the row has a formula without a result."""
        return [name for name, cell in zip(self._file_columns, row.cells, strict=False) if cell == UNCOMPUTED]

    def _import_batch(self, batch: list[Row], report: Report) -> None:
        self.pending = []
        before = len(report.faults)
        rows = {row.number: self._cells_by_column(row) for row in batch if len(row.cells) <= len(self._file_columns)}
        for row in batch:
            if row.number not in rows:
                report.add_faults(row.number, [("", _("There are more cells than columns."), "", None)])
        self.prefetch([*rows.values()])
        uncomputed = {row.number: self._uncomputed(row) for row in batch if UNCOMPUTED in row.cells}
        for number, cells in rows.items():
            result = self.import_row(cells, None, row_number=number, uncomputed=uncomputed.get(number, ()))
            self._report(number, result, report)
        if self.is_applied and self.leaves_out_faulty:
            self._leave_out(batch, report.faults[before:])
        if self._is_written(report):
            self._write_batch(batch)

    def _write_batch(self, batch: list[Row]) -> None:
        """Raises ValidationError if the database refuses what the check has let through."""
        try:
            with transaction.atomic():
                self.write()
        except (IntegrityError, DataError) as refusal:
            told = refusal.__cause__.diag  # type: ignore[union-attr]
            # Other details show whole rows, with hashes of passwords.
            reason = told.message_detail if isinstance(refusal.__cause__, UniqueViolation) else told.message_primary
            rows = {"first": batch[0].number, "last": batch[-1].number, "reason": reason}
            words = _("Nothing was applied: the database refused one of the rows %(first)s to %(last)s. %(reason)s")
            raise ValidationError(words % rows) from refusal

    def _leave_out(self, batch: list[Row], faults: list[Fault]) -> None:
        """Keeps the rows of a batch that have faults, with their faults in a further cell."""
        reasons: dict[int, list[str]] = defaultdict(list)
        for number, column, reason, _value, _suggestion in faults:
            reasons[number].append(f"{column}: {reason}" if column else reason)
        width = len(self._file_columns)
        for row in batch:
            if row.number in reasons:
                cells = [cell.replace(UNCOMPUTED, "") for cell in row.cells]
                told = " ".join(reasons[row.number])[:MAX_REASON_CHARACTERS]
                self.left_out.append([*cells, *[""] * (width - len(cells)), told])

    def _report(self, number: int, result: RowResult, report: Report) -> None:
        """Adds the row that was imported last."""
        match result.import_type:
            case RowResult.IMPORT_TYPE_ERROR:
                raise result.errors[0].error
            case RowResult.IMPORT_TYPE_INVALID:
                report.add_faults(number, [*self.faults()])
            case RowResult.IMPORT_TYPE_SKIP:
                report.unchanged_rows += 1
            case _:
                instance, is_new = self.pending[-1]
                add = report.add_created if is_new else report.add_changed
                add(number, self.label(instance), self.changes(instance))
