"""The README is short, links lead somewhere, and the tables of `docs/` say what the code says."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import assignments.errors
import config.api.errors
import users.errors
import warehouses.errors
from config.api.errors import ApiError, Fault
from config.rule_errors import RuleViolation
from tests.support.api.openapi import api_routes
from tests.support.docs import DOCS, ROOT, anchors, pages, table, without_code

NOTHING = "—"
MAX_README_LINES = 150

#: A link of Markdown, or a picture: what it leads to.
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A file or folder of this repository, named in backticks; `path::test` names a test in it.
NAMED_PATH = re.compile(
    r"`((?:config|warehouses|users|assignments|spreadsheets|templates|tests|docs|deploy)/[\w./-]*)[`:]"
)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(without_code(page.read_text())) if "://" not in target]

    assert [target for target in targets if not _leads_somewhere(page, target)] == []


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in anchors(file))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = NAMED_PATH.findall(without_code(page.read_text()))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall((ROOT / "README.md").read_text())}

    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - linked == set()


def test_the_endpoint_table_lists_every_route_and_method() -> None:
    rows = table("api.md", "Endpoints")
    assert sorted((row["Method"], row["Path"]) for row in rows) == sorted(api_routes())
    assert [row for row in rows if not (row["Who"] and row["What"])] == []


def test_the_error_table_lists_every_fault() -> None:
    modules = (config.api.errors, users.errors, warehouses.errors, assignments.errors)
    refusals = [
        value for module in modules for value in vars(module).values() if isinstance(value, Fault | RuleViolation)
    ]
    faults = ApiError(*refusals).faults
    told = {(str(fault.status), fault.code or NOTHING, fault.detail) for fault in faults}
    rows = table("api.md", "Errors")
    assert sorted((row["Status"], row["Code"], row["Message"]) for row in rows) == sorted(told)
    assert [row for row in rows if not row["When"]] == []


#: The modules of `config` that read environment variables.
_FILES = ("settings", "installation", "company_account/provider")


def test_the_settings_table_lists_every_environment_variable_and_its_default() -> None:
    read = {name: default for file in _FILES for name, default in _variables(file)}
    rows = table("settings.md", "Settings")
    assert sorted(row["Setting"] for row in rows) == sorted(read)
    assert [row for row in rows if not row["Meaning"]] == []
    literal = {name: default for name, default in read.items() if default is not None}
    assert {row["Setting"]: row["Default"] for row in rows if row["Setting"] in literal} == literal


def _variables(module: str) -> Iterator[tuple[str, str | None]]:
    """Name of each variable that a module of `config` reads, with its default where that is a plain value."""
    for node in ast.walk(ast.parse((ROOT / "config" / f"{module}.py").read_text())):
        if isinstance(node, ast.Call):
            function, arguments = ast.unparse(node.func), node.args
            if re.fullmatch(
                r"env\.\w+|(installation\.)?(required|optional_database_url)|value_of|os\.environ\.get|os\.getenv",
                function,
            ):
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
            return NOTHING if value in ([], "") else str(value).lower() if isinstance(value, bool) else str(value)
    return None


def test_the_changelog_dates_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert re.findall(r"^## (.*)$", changelog, re.MULTILINE)[0] == "Unreleased"
    assert re.search(rf"^## {re.escape(project['version'])} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
