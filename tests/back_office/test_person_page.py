"""The page of a person answers a phone call: who, where, since when, which sessions, what changed last."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import sign_in
from tests.support.back_office.staff import LIST, member, person, signed_in, told
from tests.support.sign_in.devices import lock_out
from users import roles
from users.models import Session, User
from warehouses.models import Warehouse


def page_of(user: User) -> str:
    return f"{LIST}{user.pk}/view/"


def text(client: Client, path: str) -> str:
    """The words of a page's content, without markup."""
    page = client.get(path).content.decode().split('id="content"')[1]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def clerk(olive: User) -> Callable[..., Client]:
    """Signs in somebody who has these permissions only."""

    def sign_in_with(*rights: str) -> Client:
        olive.groups.clear()
        olive.user_permissions.set(Permission.objects.filter(roles.named(rights)))
        return signed_in(User.objects.get(pk=olive.pk))

    return sign_in_with


# --- What it shows ----------------------------------------------------------------------------------------------
def test_it_says_who_where_since_when_and_what_is_open(
    as_ada: Client, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_river.activate()
    sign_in(pat.email)
    answer = as_ada.get(page_of(pat))
    assert answer.context["title"] == "Pat Picker"
    shown = text(as_ada, page_of(pat))
    for part in (
        "E-mail pat.picker@example.test Status Active Sign-in Not locked",
        "Kind of user Warehouse user",
        "Works in River Annex",
        "2 assigned warehouses",
        "Sessions (1 open)",
        "frontend",
    ):
        assert part in shown, part
    day = r"\d\d/\d\d/\d{4}"
    assert re.search(rf"River Annex {day} unlimited Yes North Dock {day} unlimited No", shown)
    assert re.search(r"\d\d:\d\d \S+ assignment Changed Pat Picker → River Annex|Assignment Changed", shown)


def test_it_says_why_nobody_works_by_an_active_assignment(
    as_ada: Client, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    Warehouse.objects.update(is_active=False)
    shown = text(as_ada, page_of(pat))
    assert "Works in Nowhere now" in shown
    assert "Not now: warehouse not available" in shown


def test_it_says_that_sign_in_is_locked(as_manager: Client, pat: User) -> None:
    lock_out(pat.email)
    shown = text(as_manager, page_of(pat))
    assert re.search(r"Status Active, locked out until \d\d:\d\d Sign-in Locked", shown)
    assert "Unlock sign-in" in shown


def test_a_back_office_user_has_roles_and_no_warehouses(as_ada: Client, olive: User) -> None:
    member(olive, "Auditor", "Warehouse manager")
    shown = text(as_ada, page_of(olive))
    assert "Kind of user Back Office user Roles Auditor, Warehouse manager" in shown
    assert "Works in" not in shown
    assert "Assign Warehouses" not in shown


@pytest.mark.parametrize(
    ("status", "main", "absent"),
    [
        ("active", "Assign Warehouses", "Restore"),
        ("blocked", "Activate", "Restore"),
        ("deleted", "Restore", "Assign Warehouses"),
    ],
)
def test_the_first_button_is_what_is_done_next(as_ada: Client, pat: User, status: str, main: str, absent: str) -> None:
    User.objects.filter(pk=pat.pk).update(status=status)
    page = as_ada.get(page_of(pat)).content.decode()
    bar = page[page.index('class="person-bar"') :].partition("</div>")[0]
    first, *others = re.findall(r"<(?:a|button) ([^>]*)>\s*([^<]*?)\s*</", bar)
    assert (first[1], "bg-primary-600" in first[0]) == (main, True)
    assert not any("bg-primary-600" in classes for classes, _words in others)
    assert absent not in [words for _classes, words in others]
    assert ("Delete" in [words for _classes, words in others]) is (status != "deleted")


def test_nobody_is_offered_to_deactivate_or_delete_themselves(as_ada: Client, ada: User) -> None:
    page = as_ada.get(page_of(ada)).content.decode()
    assert "/switch/" not in page
    assert f"/{ada.pk}/delete/" not in page


@pytest.mark.parametrize("path", [LIST, "/admin/users/session/"])
def test_names_in_lists_lead_to_the_page(as_ada: Client, pat: User, path: str) -> None:
    sign_in(pat.email)
    assert f'href="{page_of(pat)}"' in as_ada.get(path).content.decode()


def test_the_history_leads_to_the_page(as_ada: Client, pat: User) -> None:
    assert f'href="{page_of(pat)}"' in as_ada.get("/admin/history/", {"kind": "users.user"}).content.decode()


@pytest.mark.parametrize("number", [1, 30])
def test_the_page_costs_the_same_for_any_number_of_rows(
    as_ada: Client, pat: User, number: int, django_assert_num_queries: Any
) -> None:
    """Session, user; person, lockouts, warehouses, sessions and their number, changes and their names."""
    warehouses = [Warehouse.objects.create(name=f"Hall {n}") for n in range(number)]
    WarehouseUserAssignment.objects.set_warehouses(pat, add=warehouses, remove=[])
    for _ in range(number):
        sign_in(pat.email)
    with django_assert_num_queries(9):
        assert as_ada.get(page_of(pat)).status_code == 200


# --- Rights -----------------------------------------------------------------------------------------------------
def test_each_part_is_for_those_who_may_view_it(
    clerk: Callable[..., Client], pat: User, pat_north: WarehouseUserAssignment
) -> None:
    sign_in(pat.email)
    people = "users.view_user"
    for rights, seen in (
        ([people], set()),
        ([people, "users.view_session"], {"Open sessions"}),
        ([people, "assignments.view_warehouseuserassignment"], {"Works in"}),
    ):
        shown = text(clerk(*rights), page_of(pat))
        assert "Latest changes" in shown
        assert {part for part in ("Open sessions", "Works in") if part in shown} == seen
        for control in ("Edit", "Deactivate", "Delete", "End session", "Sign out everywhere"):
            assert control not in shown, control
    assert "North Dock" not in text(clerk(people), page_of(pat))


def test_who_may_not_see_people_sees_nothing_of_one(clerk: Callable[..., Client], pat: User) -> None:
    browser = clerk("users.view_session", "assignments.view_warehouseuserassignment")
    for pk in (pat.pk, 999_999):
        assert browser.get(f"{LIST}{pk}/view/").status_code == 403


def test_people_with_more_rights_are_only_shown(as_manager: Client, ada: User) -> None:
    shown = text(as_manager, page_of(ada))
    for control in ("Edit", "Deactivate", "Delete", "Sign out everywhere"):
        assert control not in shown, control


def test_a_person_that_is_not_there_is_not_found(as_ada: Client) -> None:
    assert as_ada.get(f"{LIST}999999/view/").status_code == 404


# --- What it changes, and the way back ---------------------------------------------------------------------------
def test_the_current_warehouse_is_changed_on_the_page(
    as_ada: Client, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    page = as_ada.get(page_of(pat)).content.decode()
    form = page[page.index('class="person-move"') - 300 : page.index("</select>")]
    action = re.findall(r'action="([^"]*)"', form)[-1]
    before = re.findall(r'name="was_current" value="([^"]*)"', form)[0]
    assert f'value="{pat_north.warehouse_id}" selected' in form
    sent = {"current": pat_river.warehouse_id, "was_current": before, "_back": page_of(pat)}
    answer = as_ada.post(unescape(action), sent)
    assert answer["Location"] == page_of(pat)
    assert told(answer) == ["Warehouse user assignments are updated. The current warehouse is River Annex now."]
    assert pat.assignments.get(is_active=True) == pat_river


def test_a_session_is_ended_on_the_page(as_ada: Client, pat: User) -> None:
    sign_in(pat.email)
    session = Session.objects.get()
    assert f'action="/admin/users/session/{session.pk}/end/"' in as_ada.get(page_of(pat)).content.decode()
    answer = as_ada.post(f"/admin/users/session/{session.pk}/end/", {"_back": page_of(pat)})
    assert (answer["Location"], told(answer)) == (page_of(pat), ["1 session was ended."])


@pytest.mark.parametrize(
    ("status", "name"), [("active", "deactivate"), ("blocked", "activate"), ("deleted", "restore")]
)
def test_a_switch_on_the_page_returns_to_it(as_ada: Client, pat: User, status: str, name: str) -> None:
    User.objects.filter(pk=pat.pk).update(status=status)
    assert f'action="{LIST}{pat.pk}/switch/{name}/"' in as_ada.get(page_of(pat)).content.decode()
    answer = as_ada.post(f"{LIST}{pat.pk}/switch/{name}/", {"_back": page_of(pat)})
    assert answer["Location"] == page_of(pat)


def test_the_form_that_is_opened_from_the_page_returns_to_it(as_ada: Client, pat: User) -> None:
    page = unescape(as_ada.get(f"{page_of(pat)}?_changelist_filters=q%3Dp").content.decode())
    edit = re.findall(rf'href="({LIST}{pat.pk}/change/[^"]*)"', page)[0]
    answer = as_ada.post(edit, person(pat, first_name="Patricia"))
    assert answer["Location"] == f"{page_of(pat)}?_changelist_filters=q%3Dp"
    pat.refresh_from_db()
    assert pat.first_name == "Patricia"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example.test/admin/", "//evil.example.test/", "/\\evil.example.test", "/token", "javascript:x", ""],
)
def test_the_way_back_leads_to_the_back_office_only(as_ada: Client, pat: User, elsewhere: str) -> None:
    answer = as_ada.post(f"{LIST}{pat.pk}/switch/deactivate/", {"_back": elsewhere})
    assert answer["Location"] == LIST
    answer = as_ada.post(f"{LIST}{pat.pk}/change/?_back={quote(elsewhere)}", person(pat, status="active"))
    assert answer["Location"] == LIST
