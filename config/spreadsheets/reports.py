"""The result of a check or an import: faults, and created, changed and unchanged rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from config.digests import digest

#: Most created and most changed rows that a report lists. The counts include all rows, the pages all faults.
MAX_LISTED_ROWS = 500
FAULTS_PER_PAGE = 500

#: Name of the column, name in the file, similar name that exists.
Suggestion = tuple[str, str, str]
#: Column, reason, value, suggestion.
CellFault = tuple[str, str, str, Suggestion | None]
#: The same, after the number of the row.
Fault = tuple[int, str, str, str, Suggestion | None]
#: Column, value before, value after.
Difference = tuple[str, str, str]


@dataclass
class Report:
    """Rows have the numbers that a spreadsheet program displays. Columns have headings in the person's language."""

    #: Faults of the file as a whole.
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: How many rows were read and skipped, from which sheet.
    reading: str = ""
    #: The names of the sheets of which one was read, if there are several.
    sheets: list[str] = field(default_factory=list)
    #: Headings of unknown columns, if ignoring them would make the file readable.
    unknown_columns: list[str] = field(default_factory=list)
    #: Faults that are on no page yet. The caller stores full pages as they are made, so memory use is bounded.
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    fault_pages: int = 0
    faulty_rows: int = 0
    #: Row, label, and values by column.
    created: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    created_rows: int = 0
    #: Row, label, and differences.
    changed: list[tuple[int, str, list[Difference]]] = field(default_factory=list)
    changed_rows: int = 0
    unchanged_rows: int = 0
    #: Digest of all changes, in order: reports with the same plan describe the same changes.
    plan: str = ""

    def is_applicable(self, *, leaves_out_faulty: bool) -> bool:
        """Whether the rows may be written: all, or those without faults."""
        return not self.problems and (leaves_out_faulty or not self.faulty_rows)

    @property
    def rows(self) -> int:
        return self.created_rows + self.changed_rows + self.unchanged_rows + self.faulty_rows

    def add_faults(self, row: int, faults: list[CellFault]) -> None:
        self.faulty_rows += 1
        self.fault_count += len(faults)
        self.faults += [(row, *fault) for fault in faults]

    def pop_pages(self, *, is_last: bool = False) -> Iterator[tuple[int, list[Fault]]]:
        """Removes and yields number and faults of each full page, in the order of the rows; with `is_last`, of all."""
        self.faults.sort(key=itemgetter(0))
        while len(self.faults) >= FAULTS_PER_PAGE or (is_last and self.faults):
            self.fault_pages += 1
            yield self.fault_pages, self.faults[:FAULTS_PER_PAGE]
            del self.faults[:FAULTS_PER_PAGE]

    def add_created(self, row: int, label: str, differences: list[Difference]) -> None:
        self.created_rows += 1
        values = {column: after for column, _before, after in differences if after}
        self._add(self.created, "created", row, label, values)

    def add_changed(self, row: int, label: str, differences: list[Difference]) -> None:
        self.changed_rows += 1
        self._add(self.changed, "changed", row, label, differences)

    def _add(self, listed: list[Any], kind: str, *entry: Any) -> None:
        self.plan = digest(self.plan + json.dumps([kind, *entry]))
        if len(listed) < MAX_LISTED_ROWS:
            listed.append(entry)

    def to_json(self) -> dict[str, Any]:
        """Everything except the faults, which are stored by the page."""
        return {name: value for name, value in vars(self).items() if name != "faults"}
