"""How headings are compared. Without imports: the process of `workbook_reader` needs it, too."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def normalized_heading(text: str) -> str:
    """A heading as it is compared: `First name ` is `first_name`."""
    return "_".join(text.replace("-", " ").replace("_", " ").casefold().split())


def count_known(cells: Iterable[object], known: Collection[str]) -> int:
    """How many of the known headings a row has."""
    return len({normalized_heading(cell) for cell in cells if isinstance(cell, str)} & {*known})


def is_remark_above(cells: Iterable[object], known: Collection[str]) -> bool:
    """Whether a row above the headings is a remark: it begins with `#`, and has no known heading."""
    first = next(iter(cells), None)
    return isinstance(first, str) and first.strip().startswith("#") and not count_known(cells, known)
