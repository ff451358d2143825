"""What an import would do, or did: every fault, and what is created, changed and left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from config.digests import digest

#: How many created and how many changed rows are kept to be shown. Counts are always whole, and so is the list of
#: faults.
SHOWN = 500
#: Faults on one page.
FAULTS_PER_PAGE = 500

#: Row, column, reason, what stood there.
Fault = tuple[int, str, str, str]


@dataclass
class Report:
    """Row numbers are those that the spreadsheet program shows, columns have the headings of the reader's language."""

    #: What is wrong with the file as a whole.
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Those that are on no page yet: whoever goes through the rows takes the pages away, so that memory stays flat.
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    fault_pages: int = 0
    faulty_rows: int = 0
    #: Row, whom or what it is about, and the values by column.
    created: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    created_rows: int = 0
    #: Row, whom or what it is about, and column, before, after.
    changed: list[tuple[int, str, list[tuple[str, str, str]]]] = field(default_factory=list)
    changed_rows: int = 0
    unchanged_rows: int = 0
    #: Stands for everything that would be done: two reports with the same plan do the same.
    plan: str = ""

    @property
    def is_sound(self) -> bool:
        return not (self.problems or self.faulty_rows)

    @property
    def rows(self) -> int:
        return self.created_rows + self.changed_rows + self.unchanged_rows + self.faulty_rows

    def add_faults(self, row: int, faults: list[tuple[str, str, str]]) -> None:
        self.faulty_rows += 1
        self.fault_count += len(faults)
        self.faults += [(row, *fault) for fault in faults]

    def take_pages(self, *, is_last: bool = False) -> Iterator[tuple[int, list[Fault]]]:
        """Number and faults of each page that is full, in the order of the rows; of the last one, too, if it is."""
        self.faults.sort(key=itemgetter(0))
        while len(self.faults) >= FAULTS_PER_PAGE or (is_last and self.faults):
            self.fault_pages += 1
            yield self.fault_pages, self.faults[:FAULTS_PER_PAGE]
            del self.faults[:FAULTS_PER_PAGE]

    def add_created(self, row: int, label: str, values: dict[str, str]) -> None:
        self.created_rows += 1
        self._plan("created", row, label, values)
        if self.created_rows <= SHOWN:
            self.created.append((row, label, values))

    def add_changed(self, row: int, label: str, changes: list[tuple[str, str, str]]) -> None:
        self.changed_rows += 1
        self._plan("changed", row, label, changes)
        if self.changed_rows <= SHOWN:
            self.changed.append((row, label, changes))

    def _plan(self, *parts: Any) -> None:
        self.plan = digest(self.plan + json.dumps(parts))

    def to_json(self) -> dict[str, Any]:
        """All but the faults, which are on pages of their own."""
        return {name: value for name, value in vars(self).items() if name != "faults"}
