"""The tables of `docs/permissions.md` say what the matrices hold; the OpenAPI document tells of the same refusals.

`tests.api.test_permissions` and `tests.security.test_back_office_rights` hold the matrices themselves against the site.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api import permissions
from tests.support.api.client import Api
from tests.support.api.openapi import Document
from tests.support.back_office import roles as role_table
from tests.support.docs import table
from users import roles
from warehouses.models import Warehouse

PAGE = "permissions.md"
API, BACK_OFFICE = "Who may do what", "Who may do what in the Back Office"

#: Column of the page → column of the matrix.
CALLERS = {
    "No token": "nobody",
    "Bad token": "broken",
    "Back Office user": "office",
    "Warehouse user": "own",
    "Somebody else's row": "other",
    "Warehouse token": "bearer",
    "Confidential client": "client",
    "Wrong client secret": "wrong",
    "Confined, own warehouse": "mine",
    "Confined, elsewhere": "cut",
}
#: Those whom the table of endpoints names where not anyone may call.
NAMED = {"office": "Back Office user", "own": "warehouse user", "client": "confidential client"}
#: Lists, which show a Back Office user all rows and a warehouse user their own.
LISTS = {"/warehouse-user-assignments", "/users", "/warehouses"}
OPEN = "open"
NO_ROW = "—"


# --- The API ----------------------------------------------------------------------------------------------------
def statuses() -> dict[tuple[str, str], dict[str, int]]:
    """(method, path) → caller → status, of the methods that there are."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for method, route, caller, status in permissions.cells():
        if not route.startswith("("):
            found.setdefault((method, f"/{route}"), {})[caller] = status
    return {place: row for place, row in found.items() if row["office"] != 405}


def rows_of_the_api() -> list[dict[str, str]]:
    return [
        {"Method": method, "Path": path} | {column: _cell(path, row, caller) for column, caller in CALLERS.items()}
        for (method, path), row in statuses().items()
    ]


def _cell(path: str, row: dict[str, int], caller: str) -> str:
    if len(set(row.values())) == 1:
        return OPEN
    if caller == "other" and "{uuid}" not in path:
        return NO_ROW
    if caller == "cut" and path in LISTS and row[caller] == 200:
        return NO_ROW
    shown = {"office": ": all", "own": ": own", "mine": ": there"} if path in LISTS and row[caller] == 200 else {}
    return f"{row[caller]}{shown.get(caller, '')}"


def test_the_table_of_the_api_says_what_the_matrix_holds() -> None:
    _check(API, rows_of_the_api())


def test_the_table_of_endpoints_names_who_may_call() -> None:
    told = {(row["Method"], row["Path"]): row["Who"] for row in table("api.md", "Endpoints")}
    assert told == {place: _who(row) for place, row in statuses().items()}


def _who(row: dict[str, int]) -> str:
    named = [name for caller, name in NAMED.items() if row[caller] < 400]
    return "anyone" if row["nobody"] < 400 else ", ".join(named)


def test_lists_show_whose_rows_the_table_says(
    as_olive: Api, as_pat: Api, pat_north: WarehouseUserAssignment, sam_north: WarehouseUserAssignment, river: Warehouse
) -> None:
    seen = {path: tuple(len(api.get(path).json()["data"]) for api in (as_olive, as_pat)) for path in LISTS}
    assert seen == {"/warehouse-user-assignments": (2, 1), "/users": (3, 1), "/warehouses": (2, 1)}


# --- The OpenAPI document ---------------------------------------------------------------------------------------
#: Refusals that depend on more than the kind of caller and whose row it is.
FURTHER = {
    ("DELETE", "/warehouse-user-assignments/{uuid}"): {404},  # a row that is not there
    ("POST", "/warehouse-user-assignments"): {404},  # who became a warehouse user acts for somebody else
}


@pytest.fixture(scope="module")
def document() -> Document:
    return Document(Client().get("/schema", {"format": "json"}).json())


def test_the_document_has_the_same_methods_and_refusals(document: Document) -> None:
    expected = {
        place: {status for status in row.values() if status in (401, 403, 404)} | FURTHER.get(place, set())
        for place, row in statuses().items()
        if place[1] not in ("/schema", "/docs")  # which describe, and are not described
    }
    told = {
        place: {int(status) for status in operation["responses"]} & {401, 403, 404}
        for place, operation in document.operations.items()
    }
    assert told == expected


def test_the_document_says_where_a_token_is_asked_for(document: Document) -> None:
    asked = {place for place, operation in document.operations.items() if operation["security"] != [{}]}
    assert asked == {place for place, row in statuses().items() if row["nobody"] == row["client"] == 401}


# --- The Back Office --------------------------------------------------------------------------------------------
SEE, DO = 0, 1
USER, SESSION, EVENT, CLIENT = "users/user/", "users/session/", "users/auditevent/", "users/client/"
WAREHOUSE, ASSIGNMENT, ROLE = "warehouses/warehouse/", "assignments/warehouseuserassignment/", "auth/group/"
_ROW, _PK = "<path:object_id>/", "<int:pk>/"
_ACTS = ("switch/<str:name>", "sign-out", "unlock-sign-in")
_SIDES = [f"{ASSIGNMENT}{side}/<str:uuid>/" for side in ("user", "warehouse")]


def _read(model: str) -> list[str]:
    return [model, f"{model}{_ROW}change/", f"{model}{_ROW}history/"]


def _exported(model: str) -> list[str]:
    return [f"{model}export/", *(f"{model}export/<uuid:pk>/{step}" for step in ("", "file/", "progress/"))]


def _edited(model: str) -> list[str]:
    return [f"{model}add/", f"{model}{_ROW}change/"]


def _written(model: str) -> list[str]:
    return [*_edited(model), f"{model}{_ROW}delete/"]


def _imported(model: str) -> list[str]:
    steps = ("", "again/", "read/", "ignore/", "replace/", "apply/", "progress/", "faults/", "left-out/")
    return [f"{model}import/", f"{model}import-template/", *(f"{model}import/<uuid:pk>/{step}" for step in steps)]


#: What it is in words → whether it is a GET or a POST, and the routes that it takes.
DEEDS: dict[str, tuple[int, list[str]]] = {
    "Have a sign-in name proposed for somebody without a mailbox": (SEE, [f"{USER}sign-in-name/"]),
    "See people, and export them": (SEE, [*_read(USER), *_exported(USER), f"{USER}<int:pk>/view/"]),
    "See why somebody can or cannot sign in or work somewhere": (SEE, [f"{USER}why/"]),
    "Create and edit people; set their passwords and roles": (DO, [*_edited(USER), f"{USER}{_PK}temporary-password/"]),
    "Delete people": (DO, [f"{USER}{_ROW}delete/"]),
    "Block people, sign them out and let them try again, one or many": (
        DO,
        [f"{USER}bulk/<str:name>/", *(f"{USER}{_PK}{act}/" for act in _ACTS)],
    ),
    "Import people": (DO, _imported(USER)),
    "Reset a person's second factor": (DO, [f"{USER}<int:pk>/reset-two-factor/"]),
    "See sessions": (SEE, _read(SESSION)),
    "End sessions": (DO, [f"{SESSION}end/", f"{SESSION}<uuid:pk>/end/"]),
    "See warehouses, and who is assigned there": (
        SEE,
        [*_read(WAREHOUSE), *(f"{WAREHOUSE}{_ROW}{page}/" for page in ("view", "people"))],
    ),
    "Create, edit and delete warehouses": (
        DO, [*_written(WAREHOUSE), f"{WAREHOUSE}create/", f"{WAREHOUSE}{_ROW}edit/"]
    ),
    "See assignments and the roster of any moment, and export them": (
        SEE,
        [*_read(ASSIGNMENT), *_exported(ASSIGNMENT), f"{ASSIGNMENT}{_ROW}assign_warehouses/"]
        + [f"{ASSIGNMENT}roster/", f"{ASSIGNMENT}roster/person/"]
        + [f"{side}{page}" for side in _SIDES for page in ("", "rows/", "changes/")],
    ),
    "Assign and deassign, and set periods": (
        DO, [*(f"{ASSIGNMENT}{page}" for page in (f"{_ROW}delete/", f"{_ROW}set_period/", "set-period/")), *_SIDES]
    ),
    "See which warehouses a confined person manages": (
        SEE, [f"{ASSIGNMENT}managed/<str:uuid>/{page}" for page in ("", "rows/", "changes/")]
    ),
    "Give confined people warehouses to manage, and take them": (
        DO, [f"{ASSIGNMENT}managed/<str:uuid>/{page}" for page in ("", "period/")]
    ),
    "Import assignments": (DO, _imported(ASSIGNMENT)),
    "See past imports, of what one may import": (SEE, ["spreadsheets/import/"]),
    "See clients": (SEE, _read(CLIENT)),
    "Register, edit and remove clients; make new secrets": (DO, [*_written(CLIENT), f"{CLIENT}<int:pk>/secret/"]),
    "See roles": (SEE, _read(ROLE)),
    "Create, edit and delete roles": (DO, _written(ROLE)),
    "See security events": (SEE, _read(EVENT)),
    "See the history of all that one may see": (SEE, ["history/", "history/change-set/"]),
    "Undo changes, as far as one may make the opposite ones": (
        DO, ["history/undo/", "history/undo/<uuid:pk>/", "history/undo/<uuid:pk>/progress/"]
    ),
    "Change the own password, second factor and language; save searches": (
        DO, ["password_change/", "two-factor/", "language/", "searches/"]
    ),
}  # fmt: skip
YES, NO = "yes", "—"
#: Somebody with the rights of a site manager, and only for certain warehouses.
CONFINED = "Confined site manager"


def letters_of(words: str) -> str:
    """Who may do this. All routes that it takes are open to the same people."""
    method, routes = DEEDS[words]
    (letters,) = {role_table.TABLE[route][method] for route in routes}
    return letters


def rows_of_the_back_office() -> list[dict[str, str]]:
    columns = {**dict(zip(roles.ROLES, "ASWMR", strict=True)), CONFINED: role_table.CONFINED, "No role": "N"}
    return [
        {"What": words} | {name: YES if letter in letters_of(words) else NO for name, letter in columns.items()}
        for words in DEEDS
    ]


def test_the_table_of_the_back_office_says_what_the_matrix_holds() -> None:
    _check(BACK_OFFICE, rows_of_the_back_office())
    assert list(rows_of_the_back_office()[0]) == ["What", *roles.ROLES, CONFINED, "No role"]


def test_the_table_of_the_back_office_lists_everything_that_is_not_for_all_or_nobody() -> None:
    told = {(route, letters_of(words)) for words, (_, routes) in DEEDS.items() for route in routes}
    special = {
        (route, letters)
        for route, both in role_table.TABLE.items()
        for letters in both
        if letters not in (role_table.ALL, role_table.NOBODY)
    }
    assert sorted(special - told) == []


# --- Comparing --------------------------------------------------------------------------------------------------
def _check(heading: str, rows: list[dict[str, str]]) -> None:
    try:
        told: list[dict[str, str]] | None = table(PAGE, heading)
    except ValueError:
        told = None
    assert told == rows, f"Put this table under `## {heading}` of docs/{PAGE}:\n\n{as_markdown(rows)}\n"


def as_markdown(rows: list[dict[str, str]]) -> str:
    def line(cells: Iterable[Any]) -> str:
        return f"| {' | '.join(cells)} |"

    code = {"Path"}
    body = [line(f"`{cell}`" if column in code else cell for column, cell in row.items()) for row in rows]
    return "\n".join([line(rows[0]), "|" + "---|" * len(rows[0]), *body])


def test_the_table_to_paste_is_read_back_as_it_was(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / PAGE
    monkeypatch.setattr("tests.support.docs.DOCS", tmp_path)
    for rows in (rows_of_the_api(), rows_of_the_back_office()):
        page.write_text(f"# Title\n\n## {API}\n\nWords.\n\n{as_markdown(rows)}\n\n## More\n")
        assert table(PAGE, API) == rows
        with pytest.raises(AssertionError, match="Put this table under"):
            _check(API, rows[1:])
