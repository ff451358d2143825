"""People in the Back Office: who is listed, who may do what to whom, what each change ends (contract 5.1 to 5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, PASSWORD, Api, refusal
from tests.support.back_office.staff import LIST, NEW_PASSWORD, change, errors, group, member, rows, signed_in, told
from tests.support.cases import each
from users.models import User
from users.querysets import PEOPLE
from warehouses.models import Warehouse


# --- The list ---------------------------------------------------------------------------------------------------
def test_the_list_shows_who_where_and_how_many(
    as_ada: Client, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_river.activate()
    page = unescape(as_ada.get(LIST).content.decode())
    row = next(row for row in page.split("<tbody") if pat.email in row)
    text = re.sub(r"<[^>]+>|\s+", " ", row)
    for shown in ("Pat", "Picker", "N/A", "Active", "River Annex", "2", "Edit", "Deactivate", "Delete"):
        assert re.search(rf"\b{shown}\b", text), shown
    assert "North Dock" not in row


@pytest.mark.parametrize("page", [LIST, f"{LIST}export/"])
def test_nobody_finds_out_a_password_hash_by_filtering_for_its_beginning(as_ada: Client, page: str, pat: User) -> None:
    answer = as_ada.get(page, {"password__startswith": pat.password[:7]})
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?e=1")


def test_deleted_people_are_listed_only_when_asked_for(as_ada: Client, ada: User, pat: User, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(status="deleted")
    assert rows(as_ada.get(LIST)) == [ada.email, pat.email]
    assert rows(as_ada.get(LIST, {"status": "deleted"})) == [sam.email]
    assert rows(as_ada.get(LIST, {"status": "all"})) == [ada.email, pat.email, sam.email]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pat", ["pat.picker@example.test"]),
        ("PAT.P", ["pat.picker@example.test"]),
        ("pick pat", ["pat.picker@example.test"]),
        ("pat stacker", []),
        ("icker", ["pat.picker@example.test"]),
        ("van der", ["ada.admin@example.test"]),
        ("at.p_cker", []),
        ("%", []),
        ("  ", ["ada.admin@example.test", "pat.picker@example.test", "sam.stacker@example.test"]),
    ],
)
def test_a_search_finds_by_parts_of_words(
    as_ada: Client, ada: User, pat: User, sam: User, text: str, found: list[str]
) -> None:
    User.objects.filter(pk=ada.pk).update(last_name="van der Berg")
    assert rows(as_ada.get(LIST, {"q": text})) == found


def test_filters_narrow(
    as_ada: Client,
    ada: User,
    pat: User,
    sam: User,
    north: Warehouse,
    river: Warehouse,
    pat_north: WarehouseUserAssignment,
    pat_river: WarehouseUserAssignment,
) -> None:
    pat_river.activate()
    User.objects.filter(pk=sam.pk).update(last_login="2026-01-01T00:00Z", status="blocked")
    for query, found in (
        ({"status": "blocked"}, [sam]),
        ({"kind": "warehouse"}, [pat, sam]),
        ({"kind": "office"}, [ada]),
        ({"assigned": north.pk}, [pat]),
        ({"working": north.pk}, []),
        ({"working": river.pk}, [pat]),
        ({"missing": "warehouse"}, [sam]),
        ({"missing": "sign-in", "kind": "warehouse"}, [pat]),
        ({"missing": "warehouse", "q": "sam"}, [sam]),
    ):
        assert rows(as_ada.get(LIST, query)) == [one.email for one in found], query


def test_a_filter_that_is_none_is_refused(as_ada: Client) -> None:
    assert as_ada.get(LIST, {"assigned": "x"}).status_code == 302


@each("column", [1, 2, 3, 4, 7])  # names, e-mail, status, last login
@each("direction", ["", "-"])
def test_the_list_sorts_by_each_column_of_the_reference(
    as_ada: Client, pat: User, sam: User, column: int, direction: str
) -> None:
    User.objects.filter(pk=sam.pk).update(status="blocked", last_login="2026-01-01T00:00Z", first_name="zoe")
    found = rows(as_ada.get(LIST, {"o": f"{direction}{column}"}))
    assert (found.index(sam.email) > found.index(pat.email)) is (direction == "")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        (LIST, 4),  # session, person, how many, the page
        (f"{LIST}?o=-7&missing=sign-in", 4),
        (f"{LIST}?q=p", 5),  # and who is found
    ],
)
def test_the_list_costs_the_same_for_any_number_of_people(
    as_ada: Client,
    make_user: Callable[..., User],
    north: Warehouse,
    path: str,
    queries: int,
    django_assert_num_queries: Any,
) -> None:
    def load() -> None:
        with django_assert_num_queries(queries):
            assert as_ada.get(path).status_code == 200

    make_user("p.first@example.test", is_warehouse_user=True)
    load()
    for number in range(30):
        user = make_user(f"p.{number}@example.test", is_warehouse_user=True)
        WarehouseUserAssignment.objects.set_warehouses(user, add=[north], remove=[])
    load()


def test_no_search_and_no_sort_reads_the_whole_table(as_ada: Client) -> None:
    """With sequential scans and sorts forbidden, an index serves each: the plans at a million rows."""
    queries = [
        *(User.objects.filter(PEOPLE.with_words(text.split()))[:50] for text in ("pat", "pat pi", "picker")),
        User.objects.filter(search_entry__names__is_near="pikcer")[:50],
        *(User.objects.order_by(*order)[:50] for order in (("status", "id"), ("-status", "-id"))),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on")
        for query in queries:
            assert "Seq Scan" not in query.explain()
            assert " on search_" in query.explain() or "user_by_status" in query.explain()


def test_beyond_what_is_counted_the_list_asks_to_search(as_ada: Client, pat: User, monkeypatch: Any) -> None:
    monkeypatch.setattr("config.back_office.lists.paging.CappedPaginator.MAX_ROWS", 1)
    page = as_ada.get(LIST).content.decode()
    assert "more than 1 users: search or filter to see the others" in page


# --- Create -----------------------------------------------------------------------------------------------------
NEW = {
    "email": "new.person@example.test",
    "first_name": "New",
    "last_name": "Person",
    "language": "de_DE",
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
}


def test_a_warehouse_user_is_created_and_can_sign_in(as_manager: Client) -> None:
    answer = as_manager.post(f"{LIST}add/", NEW | {"is_warehouse_user": "on", "change_reason": "season"})
    user = User.objects.get(email="new.person@example.test")
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}{user.pk}/view/")
    assert told(answer) == ["User was created successfully."]
    assert (user.is_warehouse_user, user.status, user.language) == (True, "active", "de_DE")
    assert user.check_password(NEW_PASSWORD)
    assert user.events.get().pgh_context["reason"] == "season"


@each(
    ("changes", "field", "words"),
    [
        ({"email": ""}, "email", "This field is required."),
        ({"email": "no address"}, "email", "Enter a valid email address."),
        ({"email": "PAT.picker@example.test"}, "email", "User with email “PAT.picker@example.test” already exists."),
        ({"first_name": "a/b"}, "first_name", "A name must not contain any of : / < >"),
        ({"last_name": "<b>"}, "last_name", "A name must not contain any of : / < >"),
        ({"password1": "", "password2": ""}, "password1", "This value should not be blank."),
        ({"password2": "other-Horse-9!"}, "password2", "The password fields must match."),
        ({"password1": "Short-7!", "password2": "Short-7!"}, "password1", "at least 12 characters"),
        ({"language": "fr_FR"}, "language", "Select a valid choice."),
        ({}, "groups", "Choose at least one role, or make this person a warehouse user."),
        ({"groups": [0]}, "groups", "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    as_ada: Client, pat: User, changes: dict[str, Any], field: str, words: str, nothing_changes: Any
) -> None:
    with nothing_changes():
        answer = as_ada.post(f"{LIST}add/", NEW | changes)
    assert words in errors(answer)[field][0]
    assert 'value="Person"' in answer.content.decode() or "last_name" in changes


def test_the_e_mail_of_a_deleted_user_stays_taken(as_ada: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status="deleted")
    assert "email" in errors(as_ada.post(f"{LIST}add/", NEW | {"email": pat.email, "is_warehouse_user": "on"}))


# --- Edit -------------------------------------------------------------------------------------------------------
def test_an_edit_keeps_the_password_and_the_sessions(as_manager: Client, as_pat: Api, pat: User) -> None:
    answer = change(as_manager, pat, first_name="Patricia")
    assert (answer.status_code, told(answer)) == (302, ["User was updated successfully."])
    pat.refresh_from_db()
    assert pat.first_name == "Patricia"
    assert pat.check_password(PASSWORD)
    assert as_pat.get(ASSIGNMENTS).status_code == 200


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "blocked"}, "deactivated in the Back Office"),
        ({"status": "deleted"}, "deleted in the Back Office"),
        ({"is_warehouse_user": None, "groups": "auditor"}, "made no longer a warehouse user in the Back Office"),
        ({"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}, "password changed"),
    ],
)
def test_what_changes_rights_ends_sessions_and_says_why(
    as_ada: Client, as_pat: Api, pat: User, changes: dict[str, Any], reason: str
) -> None:
    if "groups" in changes:
        changes = changes | {"groups": [group("Auditor").pk]}
    assert change(as_ada, pat, **changes).status_code == 302
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert pat.sessions.get().end_reason == reason


def test_nobody_switches_their_own_status_or_flag(as_ada: Client, ada: User, pat: User) -> None:
    answer = change(as_ada, ada, status="blocked", is_warehouse_user="on", first_name="Adele")
    assert answer.status_code == 302
    ada.refresh_from_db()
    assert (ada.status, ada.is_warehouse_user, ada.first_name) == ("active", False, "Adele")


@pytest.mark.parametrize("changes", [{"is_superuser": None, "groups": "auditor"}])
def test_the_last_administrator_keeps_their_rights(
    as_ada: Client, ada: User, changes: dict[str, Any], nothing_changes: Any
) -> None:
    with nothing_changes():
        answer = change(as_ada, ada, is_superuser=None, groups=[group("Auditor").pk])
    assert "This is the last active administrator whose employment has no end." in str(errors(answer)["__all__"])


def test_one_of_two_administrators_may_go(as_ada: Client, ada: User, olive: User) -> None:
    member(olive, "Administrator")
    assert change(as_ada, ada, is_superuser=None, groups=[group("Auditor").pk]).status_code == 302
    assert list(User.objects.administrators()) == [olive]


# --- Rights -----------------------------------------------------------------------------------------------------
def test_a_staff_manager_can_make_no_administrator(as_manager: Client, olive: User, manager: User) -> None:
    member(olive, "Staff manager")
    for target in (olive, manager):
        sent = {"groups": [group("Administrator").pk], "is_superuser": "on", "user_permissions": [1]}
        assert "groups" in errors(change(as_manager, target, **sent))
        assert change(as_manager, target, is_superuser="on").status_code == 302
        target.refresh_from_db()
        assert not target.is_superuser
        assert [one.name for one in target.groups.all()] == ["Staff manager"]
        assert not target.user_permissions.exists()
    made = as_manager.post(f"{LIST}add/", NEW | {"groups": [group("Administrator").pk]})
    assert "groups" in errors(made)


def test_an_administrator_who_is_no_superuser_makes_no_superuser(olive: User, pat: User) -> None:
    as_olive = signed_in(member(olive, "Administrator"))
    assert 'name="is_superuser"' not in as_olive.get(f"{LIST}{pat.pk}/change/").content.decode()
    change(as_olive, pat, is_superuser="on")
    pat.refresh_from_db()
    assert not pat.is_superuser


def test_an_auditor_reads_and_changes_nothing(olive: User, pat: User, nothing_changes: Any) -> None:
    as_auditor = signed_in(member(olive, "Auditor"))
    page = as_auditor.get(LIST).content.decode()
    assert pat.email in page
    assert "switch/deactivate" not in page
    assert as_auditor.get(f"{LIST}{pat.pk}/change/").status_code == 200
    with nothing_changes():
        for path in ("change/", "delete/", "switch/deactivate/", "sign-out/"):
            assert as_auditor.post(f"{LIST}{pat.pk}/{path}").status_code == 403
        for name in ("activate", "make-warehouse-user", "assign-warehouses", "end-sessions"):
            assert as_auditor.post(f"{LIST}bulk/{name}/", {"people": pat.pk}).status_code == 403
        assert as_auditor.post(f"{LIST}add/", NEW).status_code == 403


def test_deleting_is_not_offered_for_the_deleted(as_manager: Client, pat: User) -> None:
    delete = f"{LIST}{pat.pk}/delete/"
    for path in (f"{LIST}?status=all", f"{LIST}{pat.pk}/change/"):
        assert delete in as_manager.get(path).content.decode()
    User.objects.filter(pk=pat.pk).update(status="deleted")
    for path in (f"{LIST}?status=all", f"{LIST}{pat.pk}/change/"):
        assert delete not in as_manager.get(path).content.decode()


def test_nobody_is_offered_to_deactivate_or_delete_themselves(as_ada: Client, ada: User, pat: User) -> None:
    page = as_ada.get(LIST).content.decode()
    switches = set(re.findall(rf'formaction="{LIST}(\d+)/switch', page))
    assert switches == {str(pat.pk)}
    assert f"{LIST}{ada.pk}/change/" in page
    assert f"{LIST}{ada.pk}/delete/" not in page
