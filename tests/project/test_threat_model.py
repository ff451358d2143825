"""The threat model names every risk and item that it should, each with a state, and no test that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.conf import settings

PAGE = settings.BASE_DIR / "docs" / "threat-model.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STATES = {"met", "n/a", "open"}

#: OWASP API Security Top 10, 2023.
RISKS = (
    "Broken object level authorization",
    "Broken authentication",
    "Broken object property level authorization",
    "Unrestricted resource consumption",
    "Broken function level authorization",
    "Unrestricted access to sensitive business flows",
    "Server side request forgery",
    "Security misconfiguration",
    "Improper inventory management",
    "Unsafe consumption of APIs",
)
#: Items of OWASP ASVS 4.0.3, chapters V2 to V4, by the lowest level that asks for them. 2.2.4 to 2.2.7 and 3.6 are of
#: level 3, 4.1.4 was deleted; 2.8.7 is a recommendation at level 2.
ITEMS = {
    "1": """
        2.1.1-12 2.2.1-3 2.3.1 2.5.1-6 2.7.1-4 2.8.1
        3.1.1 3.2.1-3 3.3.1-2 3.4.1-5 3.7.1
        4.1.1-3 4.1.5 4.2.1-2 4.3.1-2
    """,
    "2": """
        2.3.2-3 2.4.1-5 2.5.7 2.6.1-3 2.7.5-6 2.8.2-7 2.9.1-3 2.10.1-4
        3.2.4 3.3.3-4 3.5.1-3
        4.3.3
    """,
}


def table(first_column: str) -> list[list[str]]:
    """The cells of each row of the table whose heading begins with this column."""
    _, _, rest = PAGE.read_text().partition(f"\n| {first_column} |")
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]


def items(ranges: str) -> Iterator[str]:
    for one in ranges.split():
        section, _, numbers = one.rpartition(".")
        first, _, last = numbers.partition("-")
        yield from (f"{section}.{number}" for number in range(int(first), int(last or first) + 1))


def functions_of(file: str) -> set[str]:
    """The functions at the top of a file: what pytest would collect there."""
    path = settings.BASE_DIR / file
    found = ast.parse(path.read_text()).body if path.is_file() else ()
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_test_it_names_exists() -> None:
    named = set(TEST.findall(PAGE.read_text()))
    assert len(named) > 80
    missing = {(file, name) for file, name in named if name not in functions_of(file)}
    assert missing == set()


def test_every_risk_of_the_top_ten_has_its_row_and_proof() -> None:
    rows = table("Risk")
    assert [row[0] for row in rows] == [f"API{number} {name}" for number, name in enumerate(RISKS, 1)]
    for _risk, what, proof, state in rows:
        assert what
        assert TEST.search(proof)
        assert state == "met" or state.partition(": ")[0] in {"open", "n/a"}
        assert state == "met" or state.partition(": ")[2]


def test_every_item_of_the_standard_has_its_row() -> None:
    rows = [(row[0], row[1]) for row in table("Item")]
    asked = [(item, level) for level, ranges in ITEMS.items() for item in items(ranges)]
    assert len(asked) == 80
    assert rows == sorted(asked, key=lambda one: [int(number) for number in one[0].split(".")])


@pytest.mark.parametrize("state", sorted(STATES))
def test_what_is_met_has_a_test_and_all_else_a_reason(state: str) -> None:
    rows = [row for row in table("Item") if row[3] == state]
    assert rows
    for item, _level, asked, _state, told in rows:
        assert asked, item
        assert TEST.search(told) if state == "met" else len(told.split()) >= 3, item
    assert {row[3] for row in table("Item")} == STATES


def test_the_page_is_found_where_readers_look() -> None:
    for page in ("README.md", "docs/trust-our-tokens.md"):
        assert "threat-model.md" in (settings.BASE_DIR / page).read_text(), page
