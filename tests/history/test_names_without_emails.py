"""Who may see warehouses and assignments but no people reads names there, and learns of nobody else who there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from assignments.models import WarehouseUserAssignment
from tests.support.back_office.staff import signed_in, told
from tests.support.cases import each
from users.models import User

ROWS = "/admin/assignments/warehouseuserassignment/"
HISTORY = "/admin/history/"
NOBODY = "nobody.there@example.test"


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> User:
    """May do everything to warehouses and assignments, and see no people."""
    role = Group.objects.create(name="Yard")
    role.permissions.set(Permission.objects.filter(content_type__app_label__in=["warehouses", "assignments"]))
    person = make_user("yara.yard@example.test")
    person.groups.set([role])
    return person


@pytest.fixture
def as_clerk(clerk: User) -> Client:
    return signed_in(clerk)


@pytest.fixture
def row(pat_north: WarehouseUserAssignment, sam_north: Any, as_ada: Client, ada: User) -> WarehouseUserAssignment:
    """Pat's, who works there now; Ada, who may see people, has changed the warehouse."""
    pat_north.activate()
    form = {"name": "North Dock", "is_active": "True", "note": "new", "change_reason": ""}
    as_ada.post(f"/admin/warehouses/warehouse/{pat_north.warehouse_id}/change/", form)
    return pat_north


@pytest.fixture
def quinn(make_user: Any) -> User:
    """With a key that nothing else on a page contains."""
    user: User = make_user("quinn.quiet@example.test", id=612_345_678)
    return user


#: Page → whether it names Pat.
PAGES: dict[str, tuple[Callable[[WarehouseUserAssignment], str], bool]] = {
    "dashboard": (lambda row: "/admin/", True),
    "history": (lambda row: HISTORY, True),
    "warehouses": (lambda row: "/admin/warehouses/warehouse/", False),
    "a warehouse": (lambda row: f"/admin/warehouses/warehouse/{row.warehouse_id}/view/", True),
    "form of a warehouse": (lambda row: f"/admin/warehouses/warehouse/{row.warehouse_id}/change/", False),
    "delete a warehouse": (lambda row: f"/admin/warehouses/warehouse/{row.warehouse_id}/delete/", True),
    "history of a warehouse": (lambda row: f"/admin/warehouses/warehouse/{row.warehouse_id}/history/", True),
    "assignments": (lambda row: ROWS, True),
    "an assignment": (lambda row: f"{ROWS}{row.pk}/change/", True),
    "delete an assignment": (lambda row: f"{ROWS}{row.pk}/delete/", True),
    "history of an assignment": (lambda row: f"{ROWS}{row.pk}/history/", True),
    "warehouses of a person": (lambda row: reverse("admin:assignments_assign_warehouses", args=[row.user.uuid]), True),
    "people of a warehouse": (
        lambda row: reverse("admin:assignments_assign_people", args=[row.warehouse.uuid]) + "?side=assigned",
        True,
    ),
    "rows of people": (
        lambda row: reverse("admin:assignments_assign_people_rows", args=[row.warehouse.uuid]) + "?side=assigned",
        True,
    ),
    "what others changed": (
        lambda row: reverse("admin:assignments_assign_people_changes", args=[row.warehouse.uuid]) + "?seen=0",
        True,
    ),
}


def without_own(page: str, reader: User) -> str:
    return page.replace(reader.email, "")


@each("name", PAGES)
def test_a_page_names_people_without_their_emails(
    name: str, as_clerk: Client, clerk: User, row: WarehouseUserAssignment
) -> None:
    path, names_pat = PAGES[name]
    page = without_own(as_clerk.get(path(row)).content.decode(), clerk)
    assert "@example.test" not in page
    assert ("Pat Picker" in page) is names_pat


#: An assignment is called by names alone, for everybody.
BY_NAME_ALONE = {"delete an assignment"}


@each("name", [name for name in PAGES if PAGES[name][1] and name not in BY_NAME_ALONE])
def test_who_may_see_people_sees_their_emails(
    name: str, as_ada: Client, row: WarehouseUserAssignment, pat: User
) -> None:
    assert pat.email in as_ada.get(PAGES[name][0](row)).content.decode()


def test_switching_a_warehouse_off_names_people_without_their_emails(
    as_clerk: Client, clerk: User, row: WarehouseUserAssignment
) -> None:
    form = {"name": "North Dock", "is_active": "False", "note": "new", "change_reason": ""}
    page = as_clerk.post(f"/admin/warehouses/warehouse/{row.warehouse_id}/change/", form).content.decode()
    assert "Pat Picker" in page
    assert "@example.test" not in without_own(page, clerk)


def test_a_form_that_another_changed_names_them_without_email(
    as_clerk: Client, clerk: User, row: WarehouseUserAssignment
) -> None:
    form = {"name": "North Dock", "is_active": "True", "note": "mine", "change_reason": "", "seen": "0"}
    page = as_clerk.post(f"/admin/warehouses/warehouse/{row.warehouse_id}/change/", form).content.decode()
    assert "Ada Admin" in page
    assert "@example.test" not in without_own(page, clerk)


def test_messages_name_people_without_their_emails(
    as_clerk: Client, row: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    chosen = {"action": "activate_chosen", "_selected_action": [row.pk, pat_river.pk], "index": 0}
    assert told(as_clerk.post(ROWS, chosen)) == [
        "Pat Picker works in one warehouse at a time. Nothing was changed; please select one of theirs."
    ]
    assert "@" not in "".join(told(as_clerk.post(f"{ROWS}{row.pk}/delete/", {"post": "yes"})))


def test_a_search_by_email_finds_nobody_and_one_by_name_does(
    as_clerk: Client, as_ada: Client, row: WarehouseUserAssignment, pat: User
) -> None:
    rows = reverse("admin:assignments_assign_people_rows", args=[row.warehouse.uuid])

    def found(browser: Client, text: str) -> tuple[int, int]:
        listed = browser.get(ROWS, {"q": text}).context["cl"].result_list
        return len(listed), len(browser.get(rows, {"side": "assigned", "search": text}).json()["rows"])

    for text in (pat.email, "pat.pick"):
        assert found(as_clerk, text) == (0, 0)
        assert found(as_ada, text) == (1, 1)
    assert found(as_clerk, "Picker") == (1, 1)


# --- The history's questions about people ------------------------------------------------------------------------
@pytest.mark.parametrize("question", ["person", "actor"])
@pytest.mark.parametrize("path", [HISTORY, "tab"])
def test_a_question_about_somebody_one_may_not_see_is_answered_as_one_about_nobody(
    question: str, path: str, as_clerk: Client, row: WarehouseUserAssignment, pat: User, ada: User, quinn: User
) -> None:
    address = path if path == HISTORY else f"/admin/warehouses/warehouse/{row.warehouse_id}/history/"

    def answer(asked: str) -> str:
        page = as_clerk.get(address, {question: asked})
        assert page.status_code == 200
        return _without_moments(page.content.decode().replace(asked, "ASKED"))

    nobody = answer(NOBODY)
    for known in (pat.email, ada.email, pat.email.upper()):
        assert answer(known) == nobody
    assert answer(str(quinn.pk)) == answer("987654321")


def _without_moments(page: str) -> str:
    """Without what differs between any two answers, such as the request's number."""
    return "\n".join(line for line in page.splitlines() if "csrf" not in line and "nonce" not in line)


def test_who_may_see_people_asks_about_them(as_ada: Client, row: WarehouseUserAssignment, pat: User) -> None:
    assert as_ada.get(HISTORY, {"person": pat.email}).context["changes"]


def test_nothing_distinguishes_an_existing_person_from_a_missing_one(as_clerk: Client, ada: User, quinn: User) -> None:
    missing = 987654321
    for page in ("change/", "history/", "delete/", "view/", "switch/deactivate/", "sign-out/", "unlock-sign-in/"):
        for send in (as_clerk.get, as_clerk.post):
            there, gone = (send(f"/admin/users/user/{pk}/{page}") for pk in (quinn.pk, missing))
            assert there.status_code == gone.status_code, page
            assert there.content.replace(str(quinn.pk).encode(), b"") == gone.content.replace(b"987654321", b""), page


# --- Sheets, and what completes what is typed ---------------------------------------------------------------------
@pytest.mark.parametrize("page", ["export/", "import/", "import-template/"])
def test_sheets_of_assignments_which_go_by_email_are_for_who_may_see_people(
    page: str, as_clerk: Client, clerk: User, row: WarehouseUserAssignment
) -> None:
    assert as_clerk.get(f"{ROWS}{page}").status_code == 403
    assert "export/" not in as_clerk.get(ROWS).content.decode()
    clerk.groups.get().permissions.add(Permission.objects.get(codename="view_user"))
    assert as_clerk.get(f"{ROWS}{page}").status_code == 200


@pytest.mark.parametrize("query", ["app_label=assignments&model_name=warehouseuserassignment&field_name=user"])
def test_what_is_typed_is_completed_with_people_only_for_who_may_see_them(query: str, as_clerk: Client) -> None:
    assert as_clerk.get(f"/admin/autocomplete/?{query}&term=pat").status_code == 403


@pytest.mark.parametrize("lookup", ["user__email__startswith=pat", "user__email=pat.picker@example.test"])
def test_no_list_is_filtered_by_the_emails_of_people(lookup: str, as_clerk: Client, row: Any) -> None:
    for path in (ROWS, "/admin/warehouses/warehouse/"):
        assert as_clerk.get(f"{path}?{lookup}").status_code in {302, 400}
        assert as_clerk.get(f"{path}?assignments__{lookup}").status_code in {302, 400}
