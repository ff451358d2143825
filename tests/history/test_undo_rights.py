"""Who may undo is who may do the opposite; and what two people do at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from config.history.undo import plan
from tests.support.back_office.history import change_set, last_change_set, press_undo, preview, undo_url
from tests.support.back_office.staff import change, group, member, signed_in, told
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users.models import User
from users.roles import ADMINISTRATOR, AUDITOR, WAREHOUSE_MANAGER
from warehouses.models import Warehouse

rows = WarehouseUserAssignment.objects


@pytest.fixture
def enter(make_user: Callable[..., User]) -> Callable[[str], Client]:
    """A browser of somebody with this role."""
    return lambda role: signed_in(member(make_user(f"{role.split()[0].lower()}.one@example.test"), role))


def test_whoever_only_reads_sees_the_changes_and_no_button(
    as_ada: Client, enter: Callable[[str], Client], pat: User, nothing_changes: Any
) -> None:
    auditor = enter(AUDITOR)
    change(as_ada, pat, first_name="Patricia")
    done = last_change_set(pat)
    page = auditor.get(done.url)
    assert [one.subject for one in page.context["changes"]] == [pat.email]
    assert undo_url(done).replace("&", "&amp;") not in page.content.decode()
    with nothing_changes():
        assert [auditor.get(undo_url(done)).status_code, auditor.post(undo_url(done)).status_code] == [403, 403]


def test_without_a_right_for_a_part_that_part_is_left_out(
    ada: User, enter: Callable[[str], Client], pat: User, pat_north: Any, north: Warehouse
) -> None:
    wendy = enter(WAREHOUSE_MANAGER)
    with change_set(ada) as done:
        User.objects.filter(pk=pat.pk).update(first_name="Patricia")
        Warehouse.objects.filter(pk=north.pk).update(note="Gate 2")
        pat_north.activate()
    shown = preview(wendy, done)
    assert [one.reasons for one in shown.listed_left_out] == [["You do not have the right to change this back."]]
    press_undo(wendy, done)
    assert User.objects.get(pk=pat.pk).first_name == "Patricia"
    assert (Warehouse.objects.get().note, rows.get().is_active) == ("", False)


def test_nobody_undoes_above_their_own_rank(
    as_ada: Client, as_manager: Client, olive: User, nothing_changes: Any
) -> None:
    change(as_ada, olive, groups=[group(ADMINISTRATOR).pk])
    given = last_change_set(olive)
    with nothing_changes():
        (text,) = told(press_undo(as_manager, given))
    assert text.endswith("This user may do more than you. Ask somebody who may do as much.")


def test_roles_beyond_the_own_rights_are_left_out(as_ada: Client, as_manager: Client, olive: User) -> None:
    member(olive, ADMINISTRATOR)
    form = {"groups": [group("Staff manager").pk], "first_name": "Olivia"}
    change(as_ada, User.objects.get(pk=olive.pk), **form)
    (left,) = preview(as_manager, done := last_change_set(olive)).listed_left_out
    press_undo(as_manager, done)
    now = User.objects.get(pk=olive.pk)
    assert left.reasons[0].startswith("Roles: You cannot give or take the role Administrator")
    assert (now.first_name, now.roles) == ("Olive", ["Staff manager"])


def test_nobody_undoes_what_concerns_their_own_account(as_ada: Client, ada: User, nothing_changes: Any) -> None:
    with change_set(ada) as done:
        User.objects.filter(pk=ada.pk).update(is_warehouse_user=True)
        User.objects.filter(pk=ada.pk).update(is_warehouse_user=False, status="active", language="de_DE")
    assert press_undo(as_ada, done).status_code == 302
    assert User.objects.get(pk=ada.pk).language == "en_US"


def test_too_many_changes_are_not_undone(
    as_ada: Client, pat: User, monkeypatch: pytest.MonkeyPatch, nothing_changes: Any
) -> None:
    change(as_ada, pat, first_name="Patricia")
    done = last_change_set(pat)
    monkeypatch.setattr("config.history.undo.pages.MAX_EVENTS", 0)
    text = "These are too many changes to be undone at once."
    assert text in as_ada.get(done.url).content.decode()
    with nothing_changes():
        assert told(press_undo(as_ada, done)) == [text]


# --- At once ----------------------------------------------------------------------------------------------------
def test_of_two_who_press_undo_at_once_the_second_is_told_by_whom(
    transactional_db: None, as_ada: Client, as_manager: Client, pat: User
) -> None:
    change(as_ada, pat, first_name="Patricia")
    done = last_change_set(pat)
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [pat.pk])
        first = start(press_undo, as_ada, done)
        wait_until_blocked(other, 1)
        second = start(press_undo, as_manager, done)
        wait_until_blocked(other, 2)
        other.rollback()
    assert told(first.result()) == ["1 change was undone."]
    assert told(second.result())[0].startswith("This was undone by ada.admin@example.test, ")
    assert preview(as_ada, last_change_set(pat)).done == 1


def test_what_is_changed_while_an_undo_waits_is_left_out(
    transactional_db: None, as_ada: Client, ada: User, pat: User
) -> None:
    change(as_ada, pat, first_name="Patricia", last_name="Packer")
    done = last_change_set(pat)
    with beside() as start, colleague() as other:
        other.execute("UPDATE users_user SET last_name = 'Loader' WHERE id = %s", [pat.pk])
        undoing = start(press_undo, as_ada, done)
        wait_until_blocked(other, 1)
        other.commit()
    text = told(undoing.result())[1]
    assert text.startswith("1 change was left out: Last Name: Changed since. (Database, ")
    assert User.objects.get(pk=pat.pk).get_full_name() == "Pat Loader"


def test_a_plan_writes_nothing(ada: User, pat: User, nothing_changes: Any) -> None:
    with change_set(ada) as done:
        User.objects.filter(pk=pat.pk).update(first_name="Patricia")
    with nothing_changes():
        assert plan.UndoPlan(done, ada).is_possible
