"""One name means one thing, limits are called `MAX_…`, and dependencies are used by their public names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import APPS, module_of, name_of, written


def test_a_class_has_a_name_of_its_own() -> None:
    """One name means one thing. Django finds commands and tells applications apart by their modules."""
    places = defaultdict(set)
    for path in written():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(name_of(path))
    del places["Command"]

    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_limits_are_called_max() -> None:
    assert [name_of(path) for path in written() if re.search(r"\b_?MOST\b|\b_?MOST_|_MOST\b", path.read_text())] == []


def test_the_address_of_the_back_office_is_written_once() -> None:
    literals = {
        name_of(path)
        for path in written()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == "/admin/"
    }

    assert len(literals) == 1


def test_one_helper_makes_the_digests_of_secrets() -> None:
    """Beside it: the entity tag of a document (RFC 9110 section 8.8.3), a key's thumbprint (RFC 7638), static files."""
    names = {path.stem for path in written() if "sha256(" in path.read_text()}

    assert names == {"digests", "document", "signing_key", "static_files"}


# --- Private names of dependencies ------------------------------------------------------------------------------
#: Django documents these, underscore or not: the Model `_meta` API, Managers, "Model instance reference", "How to write
#: a custom storage class".
_DOCUMENTED = {"_meta", "_state", "_default_manager", "_base_manager", "_db", "_exit", "_save"}
#: Made by Python's and others' metaclasses for each class, or in a name that an enumeration keeps for itself; the last
#: by scim2-server for each kind of storage.
_MADE = re.compile(r"_abc_impl|_declared_fields|_\w+_|_(get|search)_takes_\w+")
#: The one file that leans on Django's compiler, and why: design sections 4.13 and 5.
_EXEMPT = {"statements", "compiled_queries"}
#: File → what it still uses: the embedded server's lock file has no public setting.
_KNOWN = {"embedded": {"_lock"}}


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _DOCUMENTED


def _own_names(paths: list[Path]) -> set[str]:
    """Every name that these files give to something themselves."""
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    stored = {node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    own = {node.attr for node in stored if ast.unparse(node.value) == "self"}
    return defined | own | {node.id for node in nodes if isinstance(node, ast.Name)}


def _private_uses(path: Path, own: set[str]) -> Iterator[str]:
    """Of `self` any name of the product may be meant, as of a mixin; of anything else one of the same file."""
    own_of_file = _own_names([path])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            known = own if ast.unparse(node.value) in {"self", "cls"} else own_of_file
            yield from {node.attr} - known - _KNOWN.get(path.stem, set())
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if _private(name))


def _private_overrides(path: Path) -> Iterator[str]:
    module = importlib.import_module(module_of(path))
    for kind in vars(module).values():
        if inspect.isclass(kind) and kind.__module__ == module.__name__:
            foreign = [base for base in kind.__mro__[1:] if base.__module__.partition(".")[0] not in APPS]
            names = [name for name in vars(kind) if _private(name) and not _MADE.fullmatch(name)]
            yield from (f"{kind.__name__}.{name}" for name in names if any(name in vars(base) for base in foreign))


def test_dependencies_are_used_by_their_public_names() -> None:
    """Neither imported, nor called, nor replaced in a subclass."""
    own = _own_names(written())
    files = [path for path in written() if path.stem not in _EXEMPT]
    found = {name_of(path): [*_private_uses(path, own), *_private_overrides(path)] for path in files}

    assert {name: uses for name, uses in found.items() if uses} == {}
