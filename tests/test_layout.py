"""The house (design section 1): which way imports go, who writes what, how long a page may be."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import HOUSE, name_of, sources

ROOMS = ("config", "warehouses", "users", "assignments")


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield node.module or ""


def imported_modules(path: Path) -> set[str]:
    """The modules of `imports`, and each name taken from one, which may be a module itself."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {*imports(path), *(f"{node.module}.{alias.name}" for node in nodes for alias in node.names)}


def imported_rooms(paths: list[Path]) -> set[tuple[str, str]]:
    """Which file reaches into which other room."""
    return {
        (name_of(path), room)
        for path in paths
        for module in imports(path)
        if (room := module.partition(".")[0]) in ROOMS and room != path.relative_to(HOUSE).parts[0]
    }


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("warehouses", {"config", "users"}),
        ("users", {"config"}),
        ("assignments", {"config", "users", "warehouses"}),
    ],
)
def test_imports_go_one_way(room: str, allowed: set[str]) -> None:
    """`warehouses` may name `users` for scopes and callers only: see the next test."""
    assert [(path, other) for path, other in imported_rooms(sources(room)) if other not in allowed] == []


def test_a_warehouse_knows_people_only_as_callers_of_the_api() -> None:
    """Who may do what is said in words of `users`; nothing that is stored about a warehouse knows a person."""
    known = {path for path, room in imported_rooms(sources("warehouses")) if room == "users"}

    assert known <= {"warehouses/views.py", "warehouses/models.py"}


def test_what_apps_share_knows_none_of_them() -> None:
    """Only the site map names the apps, and `serve`, which asks for demo data."""
    entrances = {"config/urls.py", "config/management/commands/serve.py"}

    assert {path for path, _ in imported_rooms(sources("config"))} <= entrances


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
    """Bulk SQL is called by the model alone; demo data goes past it, but under the index; an example is never saved."""
    writers = {
        name_of(path)
        for path in sources("assignments", "users", "config", "spreadsheets")
        if "migrations" not in path.parts and any(map(writes_is_active, ast.walk(ast.parse(path.read_text()))))
    }
    callers = {
        name_of(path) for path in sources(*ROOMS, "spreadsheets") if "assignments.bulk_sql" in imported_modules(path)
    }

    assert writers == {
        "assignments/models.py",
        "assignments/bulk_sql.py",
        "assignments/demo.py",
        "assignments/schema.py",
    }
    assert callers == {"assignments/models.py"}


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


def test_no_room_is_named_for_everything_and_nothing() -> None:
    vague = {"utils", "helpers", "common", "services", "core"}

    assert [name_of(path) for path in sources(*ROOMS, "tests") if vague & {*path.parent.parts, path.stem}] == []


def test_no_file_is_too_long_to_read_at_a_sitting() -> None:
    written = [path for path in sources(*ROOMS, "tests") if "migrations" not in path.parts]

    assert [name_of(path) for path in written if len(path.read_text().splitlines()) > 400] == []


def test_every_silenced_rule_of_security_says_why() -> None:
    """In words, beside the line (ruff's `S`, which is bandit's)."""
    written = [*sources(*ROOMS, "spreadsheets"), HOUSE / "bootstrap.py", HOUSE / "manage.py"]
    lines = [(name_of(path), line) for path in written for line in path.read_text().splitlines()]
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
        if module.startswith("tests.")
        and any(part.startswith("test_") for part in module.split(".")[1:])
        and (HOUSE / (module.replace(".", "/") + ".py")).exists()
    ]
    assert found == []
