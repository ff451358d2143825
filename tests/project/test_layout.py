"""The layout (design section 2): which way imports go, who writes what, how large files and folders may be."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from tests.support.sources import APPS, ROOT, module_of, name_of, sources, written

#: Pages show the whole domain: these may import the models of any app.
PRESENTATION = re.compile(r"\w+/(admin(/.*|\.py)|forms(/.*|\.py)|resources(/.*|\.py)|dashboard\.py)")


def imported_modules(path: Path) -> set[str]:
    """The modules that a file imports, also inside functions and for types only, and each name taken from one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imported_apps(paths: list[Path]) -> set[tuple[str, str]]:
    """Which file imports which other app."""
    return {
        (name_of(path), app)
        for path in paths
        for module in imported_modules(path)
        if (app := module.partition(".")[0]) in APPS and app != path.relative_to(ROOT).parts[0]
    }


# --- Which way imports go ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("app", "allowed"),
    [
        ("warehouses", {"config"}),
        ("users", {"config"}),
        ("assignments", {"config", "users", "warehouses"}),
    ],
)
def test_imports_go_one_way(app: str, allowed: set[str]) -> None:
    domain = [path for path in sources(app) if not PRESENTATION.fullmatch(name_of(path))]

    assert {place for place in imported_apps(domain) if place[1] not in allowed} <= _CALLERS_OF_THE_API


#: Who may call what is said in words of `users`; nothing that is stored about a warehouse knows a person.
_CALLERS_OF_THE_API = {("warehouses/views.py", "users")}


def test_what_apps_share_knows_none_of_them() -> None:
    """Only the URLconf names the apps, and `serve`, which asks for demo data."""
    entrances = {"config/urls.py", "config/management/commands/serve.py"}

    assert {path for path, _ in imported_apps(sources("config"))} <= entrances


def test_no_imports_go_in_a_circle() -> None:
    """Imports inside functions and for types count too. A package's `__init__` that hands on its modules does not."""
    files = {module_of(path): path for path in written()}
    imports = {
        name: {one for one in imported_modules(path) & files.keys() if not name.startswith(f"{one}.")} - {name}
        for name, path in files.items()
    }
    while first := {name for name, modules in imports.items() if not modules & imports.keys()}:
        imports = {name: modules for name, modules in imports.items() if name not in first}

    assert imports == {}, "these import each other, or what does"


def test_no_app_is_reached_by_reflection() -> None:
    """A model is imported, or it is unknown: a string for a model hides a circle."""
    reflection = re.compile(
        r"get_model\(\s*f?[\"']|_meta\.get_field\([^)]*\)\.(related_model|remote_field)|\.rel\.related_model"
    )

    assert [name_of(path) for path in written() if reflection.search(path.read_text())] == []


# --- Who writes what --------------------------------------------------------------------------------------------
#: SQL that writes `is_active`, or whole rows of assignments; a table's name may be a `{placeholder}` of an f-string.
_SQL_WRITES = re.compile(
    r"\bUPDATE\b.+\bSET\b.*\bis_active\b|\bINSERT INTO\s+\S+\s*\([^)]*\bis_active\b"
    r"|\b(INSERT INTO|UPDATE|COPY)\s+\"?assignments_warehouseuserassignment\b",
    re.DOTALL | re.IGNORECASE,
)
_WRITING_CALLS = {
    "update",
    "create",
    "get_or_create",
    "update_or_create",
    "Update",
    "Insert",
    "WarehouseUserAssignment",
}


def text_of(node: ast.AST) -> str:
    """A string as the code has it: f-strings with `{}` for their values, which ruff wants to be names of ours."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) or "{}" for part in parts)
    return ""


def writes_is_active(node: ast.AST) -> bool:
    """An assignment to `.is_active`, a call that writes it to rows, or SQL that does."""
    match node:
        case ast.Attribute(attr="is_active", ctx=ast.Store()):
            return True
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="is_active"), *_]):
            return True
        case ast.Call(func=ast.Attribute(attr="bulk_update"), args=[_, fields, *_]):
            return "is_active" in map(text_of, ast.walk(fields))
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _WRITING_CALLS:
            return any(keyword.arg == "is_active" for keyword in node.keywords)
    return bool(_SQL_WRITES.search(text_of(node)))


def test_only_the_write_methods_switch_an_assignment() -> None:
    """Bulk SQL is called by the model alone; demo data goes past it, but under the index; an example is never saved.

    `state` notes on the instance what a write method has written.
    """
    writers = {name_of(path) for path in written() if any(map(writes_is_active, ast.walk(ast.parse(path.read_text()))))}
    callers = {name_of(path) for path in written() if "assignments.bulk_sql" in imported_modules(path)}

    assert writers == {
        "assignments/models/assignment.py",
        "assignments/models/state.py",
        "assignments/bulk_sql.py",
        "assignments/demo.py",
        "assignments/schema.py",
    }
    assert callers == {"assignments/models/bulk_writes.py"}


@pytest.mark.parametrize(
    "line",
    [
        "row.is_active = True",
        "setattr(row, 'is_active', True)",
        "rows.update(is_active=True)",
        "rows.bulk_update(found, ['is_active'])",
        "Update(rows, is_active=True)",
        "WarehouseUserAssignment(is_active=True)",
        "cursor.execute('UPDATE assignments_warehouseuserassignment SET activation = 1')",
        "cursor.execute(f'UPDATE {table} AS one SET updated_at = now(), is_active = false')",
        "cursor.execute(f'INSERT INTO {table} (user_id, is_active) SELECT 1, true')",
    ],
)
def test_every_way_to_switch_an_assignment_is_noticed(line: str) -> None:
    assert any(map(writes_is_active, ast.walk(ast.parse(line))))


# --- Names ------------------------------------------------------------------------------------------------------
def test_no_file_or_folder_is_named_for_everything_and_nothing() -> None:
    vague = {"utils", "helpers", "common", "services", "core"}

    assert [name_of(path) for path in sources(*APPS, "tests") if vague & {*path.parent.parts, path.stem}] == []


# --- How large ----------------------------------------------------------------------------------------------------
def test_no_file_is_too_long_to_read_at_a_sitting() -> None:
    def too_long(paths: list[Path], lines: int) -> list[str]:
        return [name_of(path) for path in paths if len(path.read_text().splitlines()) > lines]

    assert too_long(written(), 300) + too_long(sources("tests"), 400) == []


def test_no_folder_shows_too_much_at_once() -> None:
    """`__init__.py` counts too."""
    shown = Counter(name_of(path.parent) for path in written())

    assert {folder: files for folder, files in shown.items() if files > 14} == {}


def test_every_silenced_rule_of_security_says_why() -> None:
    """In words, beside the line (ruff's `S`, which is bandit's)."""
    files = [*sources(*APPS), ROOT / "bootstrap.py", ROOT / "manage.py"]
    lines = [(name_of(path), line) for path in files for line in path.read_text().splitlines()]
    silenced = [place for place in lines if re.search(r"noqa: S\d", place[1])]

    assert len(silenced) > 10
    assert [place for place in silenced if not re.search(r"noqa: S\d+(, S\d+)* \(\w.+\)$", place[1])] == []


@pytest.mark.live
def test_what_shares_a_server_stays_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist says so at the end of a test's name: here the file, of which none shares the common one."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@test_layout")


def test_no_test_module_imports_another() -> None:
    """What tests share is in modules of its own, such as those of `tests/support/`."""
    found = [
        (name_of(path), module)
        for path in sources("tests")
        for module in imported_modules(path)
        if re.match(r"tests\.(\w+\.)*test_", module) and (ROOT / (module.replace(".", "/") + ".py")).exists()
    ]
    assert found == []


def test_every_static_file_that_a_template_names_is_there() -> None:
    """Else the page has no style in development, and fails in production."""
    named = {
        name
        for page in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"{% static ['\"]([^'\"]+)", page.read_text())
    }

    assert named
    assert {name for name in named if finders.find(name) is None} == set()
