"""The README's tables say what the code says."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import assignments.errors
import config.api.errors
import users.errors
import warehouses.errors
from config.api.errors import Fault
from tests.openapi import api_routes

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NOTHING = "—"


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the table under a heading, by column. Backticks around a whole cell are dropped."""
    section = re.split(r"^## ", README.read_text(), flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    rows = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    columns, _, *body = rows
    return [dict(zip(columns, row, strict=True)) for row in body]


def _cells(line: str) -> list[str]:
    return [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in line.strip().strip("|").split("|")]


def test_the_endpoint_table_lists_every_route_and_method() -> None:
    rows = table("Endpoints")
    assert sorted((row["Method"], row["Path"]) for row in rows) == sorted(api_routes())
    assert [row for row in rows if not (row["Who"] and row["What"])] == []


def test_the_error_table_lists_every_fault() -> None:
    modules = (config.api.errors, users.errors, warehouses.errors, assignments.errors)
    faults = {value for module in modules for value in vars(module).values() if isinstance(value, Fault)}
    told = {(str(fault.status), fault.code or NOTHING, fault.detail) for fault in faults}
    rows = table("Errors")
    assert sorted((row["Status"], row["Code"], row["Message"]) for row in rows) == sorted(told)
    assert [row for row in rows if not row["When"]] == []


def test_the_settings_table_lists_every_environment_variable_and_its_default() -> None:
    read = {name: default for file in ("settings", "secrets", "database") for name, default in _variables(file)}
    rows = table("Settings")
    assert sorted(row["Setting"] for row in rows) == sorted(read)
    assert [row for row in rows if not row["Meaning"]] == []
    literal = {name: default for name, default in read.items() if default is not None}
    assert {row["Setting"]: row["Default"] for row in rows if row["Setting"] in literal} == literal


def _variables(module: str) -> Iterator[tuple[str, str | None]]:
    """Name of each variable that a module of `config` reads, with its default where that is a plain value."""
    for node in ast.walk(ast.parse((ROOT / "config" / f"{module}.py").read_text())):
        if isinstance(node, ast.Call):
            function, arguments = ast.unparse(node.func), node.args
            if re.fullmatch(r"env\.\w+|(secrets\.)?required|os\.environ\.get|os\.getenv", function):
                yield from _named(arguments[0], _default(node))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            yield from _named(node.slice, None) if isinstance(node.ctx, ast.Load) else ()


def _named(name: ast.expr, default: str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(name, ast.Constant) and isinstance(
        name.value, str
    ):  # what is not written out is not a setting of ours
        yield name.value, default


def _default(call: ast.Call) -> str | None:
    """As the table writes it: `true`, `8000`, `frontend`; `—` for an empty list; None for what is worked out."""
    for keyword in call.keywords:
        if keyword.arg == "default" and isinstance(keyword.value, ast.Constant | ast.List):
            value = ast.literal_eval(keyword.value)
            return NOTHING if value == [] else str(value).lower() if isinstance(value, bool) else str(value)
    return None


def test_the_changelog_dates_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert re.findall(r"^## (.*)$", changelog, re.MULTILINE)[0] == "Unreleased"
    assert re.search(rf"^## {re.escape(project['version'])} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
