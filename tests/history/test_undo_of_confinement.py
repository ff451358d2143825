"""Undoing who is confined and which warehouses they manage: by whoever may do the opposite, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assignments.models import ManagedWarehouse
from config.database.periods import Period
from config.history.undo.plan import NO_RIGHT
from tests.support.back_office.history import change_set, press_undo, preview
from tests.support.back_office.staff import member, signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.account_actions import LeftOut
from users.models import User
from warehouses.models import Warehouse

rows = ManagedWarehouse.objects
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def managed(person: User) -> dict[int, Period]:
    found = rows.filter(user=person).values_list("warehouse_id", "starts_at", "ends_at")
    return {warehouse: Period(*period) for warehouse, *period in found}


def reasons(browser: Client, done: Any) -> list[list[str]]:
    return [one.reasons for one in preview(browser, done).listed_left_out]


def test_who_was_confined_has_their_rights_everywhere_again_and_manages_what_they_did(
    as_ada: Client, site: Site, ada: User
) -> None:
    until = timezone.now() + DAY
    rows.set_for(site.manager, add=[site.own], remove=[], period=Period(None, until))
    User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    with change_set(ada) as done:
        User.objects.filter(pk=site.manager.pk).update(is_confined=True)
        rows.set_for(site.manager, add=[site.other], remove=[site.own])
    assert told(press_undo(as_ada, done)) == ["3 changes were undone."]
    assert User.objects.get(pk=site.manager.pk).is_confined is False
    assert managed(site.manager) == {site.own.pk: Period(None, until)}


def test_a_changed_period_is_put_back_as_a_whole_unless_it_was_changed_since(
    as_ada: Client, site: Site, ada: User
) -> None:
    today = timezone.now()
    with change_set(ada) as done:
        rows.set_for(site.manager, add=[site.own], remove=[], period=Period(today, today + DAY))
    press_undo(as_ada, done)
    assert managed(site.manager) == {site.own.pk: Period(None, None)}
    with change_set(ada) as done:
        rows.set_for(site.manager, add=[site.own], remove=[], period=Period(today, today + DAY))
    with change_set(ada):
        rows.update(ends_at=today + 2 * DAY)
    press_undo(as_ada, done)
    assert managed(site.manager) == {site.own.pk: Period(today, today + 2 * DAY)}


def test_a_deleted_warehouse_comes_back_with_who_manages_it(as_ada: Client, site: Site, ada: User) -> None:
    own = site.own.pk
    with change_set(ada) as done:
        site.own.remove(with_assignments=True)
    assert managed(site.manager) == {}
    press_undo(as_ada, done)
    assert Warehouse.objects.filter(pk=own).exists()
    assert managed(site.manager) == {own: Period(None, None)}


def test_a_warehouse_that_is_gone_is_not_given_again(as_ada: Client, site: Site, ada: User) -> None:
    with change_set(ada) as done:
        rows.set_for(site.manager, add=[], remove=[site.other, site.own])
    with change_set(ada):
        site.own.remove(with_assignments=True)
    assert reasons(as_ada, done) == [["The warehouse is deleted."]]
    press_undo(as_ada, done)
    assert managed(site.manager) == {}


def test_nobody_undoes_it_for_themselves(site: Site, ada: User, nothing_changes: Any) -> None:
    boss = confined(User.objects.create_user("bea.boss@example.test", "x"), roles.ADMINISTRATOR, site.own)
    with change_set(ada) as done:
        User.objects.filter(pk=boss.pk).update(is_confined=False)
        rows.set_for(boss, add=[site.other], remove=[])
    browser = signed_in(boss)
    assert reasons(browser, done) == [[str(LeftOut.SELF.label)], [str(NO_RIGHT)]]
    with nothing_changes():
        answer = press_undo(browser, done)
    assert told(answer)[0].startswith("Nothing of this can be undone.")


def test_who_has_not_the_rank_or_the_role_undoes_nothing(
    site: Site, ada: User, make_user: Callable[..., User], nothing_changes: Any
) -> None:
    with change_set(ada) as done:
        rows.set_for(site.manager, add=[site.other], remove=[site.own])
        User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    staff = member(make_user("stan.staff@example.test"), roles.STAFF_MANAGER)
    member(site.manager, roles.ADMINISTRATOR)
    keeper = member(make_user("kim.keeper@example.test"), roles.WAREHOUSE_MANAGER)
    for browser in (signed_in(staff), signed_in(keeper)):
        with nothing_changes():
            press_undo(browser, done)


def test_a_confined_manager_puts_back_in_their_warehouses_and_for_no_longer_than_they_manage_them(
    site: Site, ada: User, make_user: Callable[..., User]
) -> None:
    deputy = confined(make_user("dee.deputy@example.test"), roles.SITE_MANAGER, site.own)
    as_site = signed_in(site.manager)
    with change_set(ada) as done:
        rows.set_for(deputy, add=[], remove=[site.own])
        rows.set_for(deputy, add=[site.own], remove=[], period=Period(None, timezone.now() + DAY))
    with change_set(ada):
        rows.filter(user=site.manager).update(ends_at=timezone.now() + 2 * DAY)
    assert reasons(as_site, done) == [[str(NO_RIGHT)]]
    rows.filter(user=site.manager).update(ends_at=None)
    press_undo(as_site, done)
    assert managed(deputy) == {site.own.pk: Period(None, None)}


def test_a_confined_manager_does_not_undo_that_somebody_was_confined(site: Site, ada: User, make_user: Any) -> None:
    deputy = confined(make_user("dee.deputy@example.test"), roles.SITE_MANAGER, site.own)
    User.objects.filter(pk=deputy.pk).update(is_confined=False)
    with change_set(ada) as done:
        User.objects.filter(pk=deputy.pk).update(is_confined=True)
    assert reasons(signed_in(site.manager), done) == [[str(NO_RIGHT)]]
    press_undo(signed_in(site.manager), done)
    assert User.objects.get(pk=deputy.pk).is_confined
