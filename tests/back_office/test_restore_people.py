"""Deleted people are restored: in the list, in bulk, on their page, and when somebody hires them again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import PASSWORD, sign_in
from tests.support.back_office.staff import person, told
from users.models import User

LIST = "/admin/users/user/"
DELETED = User.Status.DELETED


@pytest.fixture
def gone(pat_north: WarehouseUserAssignment, pat: User) -> User:
    """Pat, who was deleted with a warehouse."""
    User.objects.filter(pk=pat.pk).update(status=DELETED)
    return pat


def status_of(someone: User) -> str:
    return User.objects.get(pk=someone.pk).status


def test_the_row_of_a_deleted_person_offers_to_restore_them(as_ada: Client, gone: User, sam: User) -> None:
    page = as_ada.get(LIST, {"status": "all"}).content.decode()
    switches = re.findall(rf'formaction="{LIST}(\d+)/switch/(\w+)/', page)
    assert (str(gone.pk), "restore") in switches
    assert (str(sam.pk), "deactivate") in switches
    assert len(switches) == User.objects.count() - 1  # but for oneself


def test_a_restored_person_signs_in_as_before_with_their_warehouses(as_ada: Client, gone: User) -> None:
    answer = as_ada.post(f"{LIST}{gone.pk}/switch/restore/")
    assert told(answer) == ["User was restored successfully."]
    assert sign_in(gone.email, PASSWORD)["access_token"]
    assert gone.assignments.count() == 1


def test_the_page_of_a_deleted_person_has_the_button(as_ada: Client, gone: User, sam: User) -> None:
    restore = '/switch/restore/"'
    assert restore in as_ada.get(f"{LIST}{gone.pk}/view/").content.decode()
    assert restore not in as_ada.get(f"{LIST}{sam.pk}/view/").content.decode()


def test_many_are_restored_at_once_and_others_are_left_as_they_are(as_ada: Client, gone: User, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(status="blocked")
    answer = as_ada.post(f"{LIST}bulk/restore/", {"people": f"{gone.pk},{sam.pk}", "back": ""})
    assert told(answer) == ["1 user was restored.", "1 left as is: This user is not deleted."]
    assert (status_of(gone), status_of(sam)) == ("active", "blocked")


@pytest.mark.parametrize("change", ["deactivate", "activate"])
def test_other_switches_leave_the_deleted_alone(
    as_ada: Client, gone: User, nothing_changes: Callable[[], Any], change: str
) -> None:
    with nothing_changes():
        answer = as_ada.post(f"{LIST}{gone.pk}/switch/{change}/")
    assert told(answer)[0].endswith("This user is deleted. Restore them first.")


def test_nobody_restores_who_may_do_more_than_they(as_manager: Client, make_user: Callable[..., User]) -> None:
    boss = make_user("bea.boss@example.test", is_superuser=True, status=DELETED)
    answer = as_manager.post(f"{LIST}{boss.pk}/switch/restore/")
    assert told(answer) == ["User was not restored. This user may do more than you. Ask somebody who may do as much."]
    assert status_of(boss) == DELETED


def test_hiring_somebody_under_the_e_mail_of_a_deleted_person_leads_to_them(as_ada: Client, gone: User) -> None:
    form = person(gone, email=gone.email.upper(), password1="long-Enough-77!", password2="long-Enough-77!")
    page = as_ada.post(f"{LIST}add/", form).content.decode()
    assert "A deleted user has this e-mail." in page
    assert f'<a class="text-link" href="{LIST}{gone.pk}/view/">Open Pat Picker to restore them.</a>' in page
    assert User.objects.filter(email__iexact=gone.email).count() == 1


def test_hiring_under_the_e_mail_of_somebody_who_is_there_is_refused_as_ever(as_ada: Client, sam: User) -> None:
    form = person(sam, password1="long-Enough-77!", password2="long-Enough-77!")
    page = as_ada.post(f"{LIST}add/", form)
    assert page.context["adminform"].form.errors["email"] == [f"User with email “{sam.email}” already exists."]
