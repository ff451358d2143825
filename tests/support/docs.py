"""Reads the pages of `docs/` and the README."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def table(page: str, heading: str) -> list[dict[str, str]]:
    """The rows of the table under a heading of a page of `docs/`, by column.

    Backticks around a whole cell are dropped. Raises ValueError if there is not exactly one such heading.
    """
    sections = re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)
    (text,) = [part for part in sections if part.startswith(f"{heading}\n")]
    columns, _, *rows = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _cells(line: str) -> list[str]:
    return [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in line.strip().strip("|").split("|")]


def without_code(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments that links to a page may name: one for each heading, formed as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
