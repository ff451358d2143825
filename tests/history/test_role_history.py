"""The history of roles: each right given and taken, by whom, however it was done; in words, and for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from tests.support.back_office.history import HISTORY, ask, said, tab
from tests.support.back_office.staff import group, signed_in
from users.models import User
from users.models.role import PersonRight, Role, RoleRight
from users.roles import AUDITOR, STAFF_MANAGER

ROLES = "/admin/auth/group/"


def page_of(role: Group) -> str:
    return f"{ROLES}{role.pk}/change/"


def right(name: str) -> Permission:
    return Permission.objects.get(codename=name, content_type__app_label__in=["users", "auth"])


def run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@pytest.fixture
def auditor(db: None) -> Group:
    return group(AUDITOR)


def test_a_right_given_and_one_taken_are_shown_with_the_actor(as_ada: Client, ada: User, auditor: Group) -> None:
    kept = set(auditor.permissions.values_list("pk", flat=True))
    changed = kept - {right("view_session").pk} | {right("change_user").pk}
    as_ada.post(page_of(auditor), {"name": AUDITOR, "permissions": sorted(changed), "change_reason": "new season"})
    told = {said(one)[:2]: one for one in ask(as_ada, tab(auditor)) if one.who == ada.email}
    assert set(told) == {
        ("Right given", "“Users: change” to the role “Auditor”"),
        ("Right taken", "“Sessions: see” from the role “Auditor”"),
    }
    for one in told.values():
        assert (one.kind, one.through, one.reason) == ("Right of a role", "Back Office", "new season")
        assert one.differences == []


def test_a_german_reads_it_in_german(as_ada: Client, ada: User, auditor: Group) -> None:
    auditor.permissions.add(right("change_user"))
    auditor.permissions.remove(right("view_session"))
    User.objects.filter(pk=ada.pk).update(language="de_DE")
    taken, given = ask(as_ada, tab(auditor))[:2]
    assert said(given)[:2] == ("Recht gegeben", "„Benutzer: ändern“ an die Rolle „Prüfung“")
    assert said(taken)[:2] == ("Recht entzogen", "„Sitzungen: sehen“ von der Rolle „Prüfung“")
    assert (given.kind, given.who) == ("Recht einer Rolle", "Datenbank")


def test_a_role_renamed_made_and_deleted_is_shown(as_ada: Client, ada: User, auditor: Group) -> None:
    as_ada.post(page_of(auditor), {"name": "Inspector", "permissions": []})
    renamed = next(one for one in ask(as_ada, tab(auditor)) if one.kind == "Role")
    assert (renamed.who, *said(renamed)) == (ada.email, "Changed", "Inspector", [("Name", "Auditor", "Inspector")])
    as_ada.post(f"{ROLES}add/", {"name": "Desk", "permissions": [right("view_user").pk]})
    desk = group("Desk")
    assert {said(one)[0] for one in ask(as_ada, tab(desk))} == {"Created", "Right given"}
    as_ada.post(f"{ROLES}{desk.pk}/delete/", {"post": "yes"})
    told = [(one.who, one.link, *said(one)[:2]) for one in ask(as_ada)]
    assert (ada.email, "", "Deleted", "Desk") in told
    assert (ada.email, "", "Right taken", "“Users: see” from the role “Desk”") in told


def test_sql_by_hand_leaves_its_trace(as_ada: Client, auditor: Group, pat: User) -> None:
    view = right("view_session")
    run("DELETE FROM auth_group_permissions WHERE group_id = %s AND permission_id = %s", auditor.pk, view.pk)
    run("UPDATE auth_group SET name = 'Boss' WHERE id = %s", auditor.pk)
    run("INSERT INTO users_user_user_permissions (user_id, permission_id) VALUES (%s, %s)", pat.pk, view.pk)
    told = [(one.who, *said(one)[:2]) for one in ask(as_ada)]
    assert ("Database", "Right taken", "“Sessions: see” from the role “Boss”") in told
    assert ("Database", "Changed", "Boss") in told
    assert ("Database", "Right given", f"“Sessions: see” to {pat.email}") in told
    assert "Right given" in {one.what for one in ask(as_ada, tab(pat))}


def test_sql_that_moves_a_right_to_another_role_is_shown(as_ada: Client, auditor: Group) -> None:
    view, other = right("view_session"), group(STAFF_MANAGER)
    other.permissions.remove(view)
    run(
        "UPDATE auth_group_permissions SET group_id = %s WHERE group_id = %s AND permission_id = %s",
        other.pk,
        auditor.pk,
        view.pk,
    )
    moved = ask(as_ada, tab(other))[0]
    assert moved.what == "Changed"
    assert (moved.differences[0].label, moved.differences[0].after) == ("Role", STAFF_MANAGER)


@pytest.mark.parametrize("model", [Role, RoleRight, PersonRight])
def test_the_history_of_roles_can_be_neither_changed_nor_deleted(model: Any, auditor: Group, pat: User) -> None:
    auditor.permissions.add(right("change_user"))
    pat.user_permissions.add(right("change_user"))
    events = model.pgh_event_model.objects
    assert events.exists()
    for write in (events.all().delete, lambda: events.update(pgh_label="x")):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            write()


@pytest.mark.parametrize(
    ("codename", "kinds"),
    [("view_group", {"Role", "Right of a role"}), ("view_user", {"User", "Right of a person"})],
)
def test_whoever_may_see_roles_sees_their_history(
    codename: str, kinds: set[str], make_user: Callable[..., User], auditor: Group
) -> None:
    auditor.permissions.remove(right("view_session"))
    person = make_user("cleo.clerk@example.test")
    person.user_permissions.set([right(codename)])
    browser = signed_in(person)
    assert {one.kind for one in ask(browser, HISTORY)} == kinds
    assert browser.get(tab(auditor)).status_code == (200 if codename == "view_group" else 403)


def test_the_page_of_a_role_leads_to_its_history(as_ada: Client, auditor: Group) -> None:
    assert tab(auditor) in as_ada.get(page_of(auditor)).content.decode()
    page = as_ada.get(tab(auditor)).content.decode()
    assert "History: Auditor" in page


@pytest.mark.parametrize("rights", [1, 40])
def test_its_cost_does_not_grow_with_the_rights(
    rights: int, as_ada: Client, auditor: Group, django_assert_num_queries: Any
) -> None:
    auditor.permissions.set(Permission.objects.all()[:rights])
    ask(as_ada, tab(auditor))
    with django_assert_num_queries(5):
        ask(as_ada, tab(auditor))
