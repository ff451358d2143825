"""Roles in the Back Office: administrators change what the people of one may do, in plain words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from tests.support.back_office.staff import member, signed_in, told
from tests.support.back_office.words import Words
from users.models import User
from users.roles import ADMINISTRATOR, AUDITOR, ROLES, codenames

LIST = "/admin/auth/group/"


@pytest.fixture
def auditor(db: None) -> Group:
    return Group.objects.get(name=AUDITOR)


def page_of(role: Group) -> str:
    return f"{LIST}{role.pk}/change/"


def rights(role: Group) -> set[str]:
    return set(role.permissions.values_list("codename", flat=True))


def offered(browser: Client, path: str) -> dict[str, int]:
    """What the page lets one tick: words → key."""
    field = browser.get(path).context["adminform"].form["permissions"]
    return {str(label): int(str(value)) for value, label in field.field.choices}


def test_a_role_names_its_rights_in_plain_words(as_ada: Client, auditor: Group) -> None:
    words = list(offered(as_ada, page_of(auditor)))
    assert len(words) == len({right for role in ROLES for right in codenames(role)})
    users = [word for word in words if word.startswith("Users: ")]
    assert users == ["Users: see", "Users: create", "Users: change", "Users: delete"]
    assert {"Sessions: change", "Warehouses: delete", "Security events: see"} <= set(words)


def test_a_german_reads_them_in_german(as_ada: Client, ada: User, auditor: Group) -> None:
    User.objects.filter(pk=ada.pk).update(language="de_DE")
    assert {"Benutzer: sehen", "Lager: löschen", "Zuweisungen: anlegen"} <= set(offered(as_ada, page_of(auditor)))


def test_a_right_is_given_and_taken(as_ada: Client, auditor: Group) -> None:
    keys = offered(as_ada, page_of(auditor))
    chosen = [keys["Users: see"], keys["Warehouses: change"]]
    answer = as_ada.post(page_of(auditor), {"name": AUDITOR, "permissions": chosen})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert "was changed successfully" in told(answer)[0]
    assert rights(auditor) == {"view_user", "change_warehouse"}


def test_an_operators_own_right_stays_although_the_page_does_not_offer_it(as_ada: Client, auditor: Group) -> None:
    auditor.permissions.add(Permission.objects.get(codename="view_logentry"))
    as_ada.post(page_of(auditor), {"name": AUDITOR, "permissions": []})
    assert rights(auditor) == {"view_logentry"}


def test_nobody_gives_a_role_more_than_they_may_themselves(
    make_user: Any, auditor: Group, nothing_changes: Any
) -> None:
    clerk = make_user("cleo.clerk@example.test")
    own = Permission.objects.filter(codename__in=["view_group", "change_group", "view_user"])
    clerk.user_permissions.set(own)
    auditor.permissions.set(own)
    browser = signed_in(clerk)
    assert set(offered(browser, page_of(auditor))) == {"Roles: see", "Roles: change", "Users: see"}
    beyond = Permission.objects.get(codename="delete_user")
    with nothing_changes():
        answer = browser.post(page_of(auditor), {"name": AUDITOR, "permissions": [beyond.pk]})
    assert list(answer.context["adminform"].form.errors) == ["permissions"]


def test_an_auditor_reads_roles_and_changes_none(make_user: Any, auditor: Group, nothing_changes: Any) -> None:
    browser = signed_in(member(make_user("ann.auditor@example.test"), AUDITOR))
    assert browser.get(page_of(auditor)).status_code == 200
    with nothing_changes():
        assert browser.post(page_of(auditor), {"name": "Boss", "permissions": []}).status_code == 403


def test_a_new_role_is_made(make_user: Any) -> None:
    browser = signed_in(member(make_user("adam.admin@example.test"), ADMINISTRATOR))
    keys = offered(browser, f"{LIST}add/")
    browser.post(f"{LIST}add/", {"name": "Reception", "permissions": [keys["Sessions: see"]]})
    assert rights(Group.objects.get(name="Reception")) == {"view_session"}


def test_the_page_that_deletes_a_role_says_how_many_lose_it(as_ada: Client, auditor: Group, pat: User) -> None:
    pat.groups.add(auditor)
    page = as_ada.get(f"{LIST}{auditor.pk}/delete/").content.decode()
    assert "1 person has this role and loses it." in page
    assert "relationship" not in page


def test_what_django_calls_groups_is_called_roles(as_ada: Client, auditor: Group, pat: User) -> None:
    paths = (
        LIST,
        f"{LIST}add/",
        page_of(auditor),
        f"{LIST}{auditor.pk}/delete/",
        f"/admin/users/user/{pat.pk}/change/",
    )
    for path in paths:
        texts = Words(as_ada.get(path).content.decode()).texts
        assert [text for text in texts if re.search(r"\bgroups?\b", text, re.I)] == [], path
