"""Confinement: the rights of a person count only for the warehouses that they manage now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from config.back_office.authority import AuthorityLostError
from config.back_office.rights import NoRight
from config.database.periods import Period
from config.rule_errors import RuleError
from tests.support.back_office.staff import member
from tests.support.confinement import confined
from users import roles
from users.account_actions import LeftOut, why_unchangeable
from users.models import Client, Session, User
from warehouses.models import Warehouse

VIEW, CHANGE = "users.view_user", "users.change_user"
ASSIGN = "assignments.add_warehouseuserassignment"

pytestmark = pytest.mark.django_db


def again(user: User) -> User:
    """As the next request reads them."""
    return User.objects.get(pk=user.pk)


@pytest.fixture
def mia(make_user: Callable[..., User], north: Warehouse) -> User:
    """The site manager of North Dock."""
    return confined(make_user("mia.manager@example.test"), roles.SITE_MANAGER, north)


@pytest.fixture
def everywhere(make_user: Callable[..., User]) -> User:
    return again(member(make_user("eve.everywhere@example.test"), roles.SITE_MANAGER))


# --- Which rows -------------------------------------------------------------------------------------------------
def test_one_sees_the_warehouses_that_one_manages_and_what_is_there(
    mia: User,
    pat: User,
    sam: User,
    pat_north: WarehouseUserAssignment,
    pat_river: Any,
    river: Warehouse,
    north: Warehouse,
) -> None:
    sam_river = WarehouseUserAssignment.objects.create(user=sam, warehouse=river)
    sessions = [
        Session.objects.create(user=one, expires_at=timezone.now(), refresh_digest=one.email) for one in (pat, sam)
    ]
    assert list(Warehouse.objects.visible_to(mia)) == [north]
    assert list(WarehouseUserAssignment.objects.visible_to(mia)) == [pat_north]
    assert set(User.objects.visible_to(mia)) == {mia, pat}
    assert list(Session.objects.visible_to(mia)) == [sessions[0]]
    assert sam_river not in WarehouseUserAssignment.objects.visible_to(mia)


def test_who_is_not_confined_sees_all(everywhere: User, pat_north: Any, sam_north: Any, river: Warehouse) -> None:
    assert Warehouse.objects.visible_to(everywhere).count() == 2
    assert User.objects.visible_to(everywhere).count() == User.objects.count()


def test_without_a_warehouse_one_sees_nothing(mia: User, north: Warehouse, pat_north: Any) -> None:
    ManagedWarehouse.objects.set_for(mia, add=[], remove=[north])
    mia = again(mia)
    for rows in (User, Warehouse, WarehouseUserAssignment, Session):
        assert not rows.objects.visible_to(mia).exists(), rows
    assert not User.objects.wholly_of(mia).exists()


@pytest.mark.parametrize(("days", "sees"), [((-2, -1), False), ((-1, 1), True), ((1, 2), False), ((None, 1), True)])
def test_only_the_period_of_management_counts(mia: User, north: Warehouse, days: Any, sees: bool) -> None:
    since, until = (day and timezone.now() + timedelta(days=day) for day in days)
    ManagedWarehouse.objects.set_for(mia, add=[north], remove=[], period=Period(since, until))
    assert Warehouse.objects.visible_to(again(mia)).exists() is sees
    assert again(mia).may("warehouses.view_warehouse", north) is sees


def test_a_period_that_ends_before_it_begins_is_refused(mia: User, north: Warehouse, nothing_changes: Any) -> None:
    now = timezone.now()
    with nothing_changes(), pytest.raises(RuleError, match="period"):
        ManagedWarehouse.objects.set_for(mia, add=[north], remove=[], period=Period(now, now))
    with pytest.raises(IntegrityError, match="managed_warehouse_period"), transaction.atomic():
        ManagedWarehouse.objects.update(starts_at=now, ends_at=now)


# --- May --------------------------------------------------------------------------------------------------------
def test_a_right_is_asked_with_its_row_or_refused(mia: User, everywhere: User, pat: User, pat_north: Any) -> None:
    for right, row in ((CHANGE, pat), (VIEW, pat), ("assignments.delete_warehouseuserassignment", pat_north)):
        assert mia.may(right, row)
        assert mia.has_perm(right, row)
        assert mia.may_somewhere(right)
        assert not mia.may(right)
        assert not mia.has_perm(right)
        assert everywhere.may(right)
        assert everywhere.may(right, row)


def test_a_refusal_says_why(
    mia: User, everywhere: User, pat: User, pat_north: Any, river: Warehouse, make_user: Callable[..., User]
) -> None:
    boss = again(member(make_user("boss.above@example.test"), roles.ADMINISTRATOR))
    decided = {
        (mia, CHANGE, pat): None,
        (mia, CHANGE, boss): NoRight.RANK,
        (everywhere, CHANGE, boss): NoRight.RANK,
        (everywhere, VIEW, boss): None,
        (mia, VIEW, boss): NoRight.CONFINEMENT,
        (mia, ASSIGN, river): NoRight.CONFINEMENT,
        (mia, ASSIGN, None): NoRight.CONFINEMENT,
        (mia, "warehouses.change_warehouse", river): NoRight.ROLE,
        (everywhere, "warehouses.change_warehouse", river): NoRight.ROLE,
    }
    for (person, right, row), why in decided.items():
        assert person.why_not(right, row) is why, (person, right, row)
        assert person.may(right, row) is (why is None), (person, right, row)


def test_what_belongs_to_no_warehouse_is_not_for_the_confined(
    make_user: Callable[..., User], north: Warehouse, scanner: Client
) -> None:
    boss = confined(make_user("boss.here@example.test"), roles.ADMINISTRATOR, north)
    assert boss.may("warehouses.change_warehouse", north)
    assert not boss.may_somewhere("warehouses.add_warehouse")
    for right in ("users.view_client", "auth.change_group", "users.view_auditevent", "auth.view_group"):
        assert not boss.may_somewhere(right), right
        assert not boss.may(right, scanner), right
    assert not boss.has_module_perms("auth")
    assert boss.has_module_perms("users")
    assert not boss.is_administrator
    assert boss not in User.objects.administrators()


def test_one_changes_people_of_ones_own_warehouses_only(
    mia: User, pat: User, sam: User, pat_north: Any, sam_north: Any, river: Warehouse, olive: User
) -> None:
    WarehouseUserAssignment.objects.create(user=sam, warehouse=river)
    expected = {pat: True, sam: False, olive: False, mia: True}
    assert {person: mia.may(CHANGE, person) for person in expected} == expected
    assert set(User.objects.changeable_by(mia)) == {pat, mia}
    annotated = User.objects.with_changeable_by(mia).filter(pk__in=[one.pk for one in expected])
    assert {person: person.may_be_changed_by(mia) for person in annotated} == expected
    assert {person: mia.may(VIEW, person) for person in expected} == expected | {sam: True}


def test_an_assignment_elsewhere_that_is_over_does_not_count(
    mia: User, pat: User, pat_north: Any, river: Warehouse
) -> None:
    elsewhere = WarehouseUserAssignment.objects.create(user=pat, warehouse=river, ends_at=timezone.now())
    assert mia.may(CHANGE, pat)
    elsewhere.ends_at = timezone.now() + timedelta(days=1)
    elsewhere.save()
    assert not mia.may(CHANGE, pat)


def test_who_was_here_is_seen_and_not_changed(mia: User, pat: User, north: Warehouse) -> None:
    WarehouseUserAssignment.objects.create(user=pat, warehouse=north, ends_at=timezone.now())
    assert mia.may(VIEW, pat)
    assert not mia.may(CHANGE, pat)


def test_managers_of_the_same_warehouses_change_each_other_and_nobody_above(
    mia: User, make_user: Callable[..., User], north: Warehouse, river: Warehouse, everywhere: User
) -> None:
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, north)
    both = confined(make_user("bo.both@example.test"), roles.SITE_MANAGER, north, river)
    assert mia.may(CHANGE, ned)
    assert not mia.may(CHANGE, both)
    assert mia.may(VIEW, both)
    assert both.may(CHANGE, mia)
    assert not mia.may(CHANGE, everywhere)
    assert everywhere.may(CHANGE, mia)
    ned.groups.set([])
    ned = again(member(ned, roles.STAFF_MANAGER))
    assert not mia.may(CHANGE, ned)


def test_who_manages_the_same_warehouse_for_longer_is_not_changed(
    mia: User, make_user: Callable[..., User], north: Warehouse
) -> None:
    """Whoever sets a password can sign in with it, also after their own time."""
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, north)
    end = timezone.now() + timedelta(days=1)
    theirs, own = (ManagedWarehouse.objects.filter(user=person) for person in (ned, mia))
    for until, own_until, may in ((None, end, False), (end + timedelta(seconds=1), end, False), (end, end, True)):
        theirs.update(ends_at=until)
        own.update(ends_at=own_until)
        person = User.objects.get(pk=mia.pk)
        assert person.may(CHANGE, ned) is may
        assert User.objects.changeable_by(person).filter(pk=ned.pk).exists() is may
        assert why_unchangeable(ned, person) == (None if may else LeftOut.ABOVE)
        assert {person.may(VIEW, ned), person.may(CHANGE, person)} == {True}


def test_a_superuser_is_never_confined(make_user: Callable[..., User]) -> None:
    with pytest.raises(IntegrityError, match="user_superuser_not_confined"), transaction.atomic():
        make_user("sue.super@example.test", is_superuser=True, is_confined=True)


# --- At the commit ----------------------------------------------------------------------------------------------
def test_who_lost_a_warehouse_during_a_request_has_written_nothing(mia: User, north: Warehouse, pat_north: Any) -> None:
    assert mia.may(ASSIGN, north)
    mia.confirm_authority()
    ManagedWarehouse.objects.set_for(mia, add=[], remove=[north])
    with pytest.raises(AuthorityLostError):
        mia.confirm_authority()
    assert not mia.has_authority()


def test_who_lost_a_warehouse_after_choosing_rows_by_it_has_written_nothing(
    mia: User, north: Warehouse, pat_north: Any
) -> None:
    assert WarehouseUserAssignment.objects.visible_to(mia).exists()
    ManagedWarehouse.objects.set_for(mia, add=[], remove=[north])
    with pytest.raises(AuthorityLostError):
        mia.confirm_authority()


def test_who_became_confined_during_a_request_has_written_nothing(everywhere: User) -> None:
    assert everywhere.may(CHANGE)
    User.objects.filter(pk=everywhere.pk).update(is_confined=True)
    with pytest.raises(AuthorityLostError):
        everywhere.confirm_authority()


def test_a_person_who_is_assigned_elsewhere_during_a_request_is_not_changed(
    mia: User, pat: User, pat_north: Any, river: Warehouse
) -> None:
    assert mia.may(CHANGE, pat)
    WarehouseUserAssignment.objects.create(user=pat, warehouse=river)
    with pytest.raises(AuthorityLostError):
        mia.confirm_authority()


def test_more_warehouses_stop_no_request(
    mia: User, north: Warehouse, river: Warehouse, pat: User, pat_north: Any
) -> None:
    assert mia.may(CHANGE, pat)
    ManagedWarehouse.objects.set_for(mia, add=[river], remove=[])
    mia.confirm_authority()


# --- Costs ------------------------------------------------------------------------------------------------------
def test_what_one_manages_is_read_once(
    mia: User, north: Warehouse, pat_north: Any, django_assert_num_queries: Any
) -> None:
    mia.get_all_permissions()
    with django_assert_num_queries(1):
        assert mia.may(ASSIGN, north)
        assert mia.may("assignments.change_warehouseuserassignment", pat_north)
        Warehouse.objects.visible_to(mia), WarehouseUserAssignment.objects.visible_to(mia)


def test_to_confirm_many_warehouses_costs_the_same_as_one(mia: User, django_assert_num_queries: Any) -> None:
    halls = [Warehouse.objects.create(name=f"Hall {number}") for number in range(30)]
    ManagedWarehouse.objects.set_for(mia, add=halls, remove=[])
    mia = again(mia)
    assert all(mia.may(ASSIGN, one) for one in halls)
    with django_assert_num_queries(6):  # timeout, lock, managed, the warehouses, the rights (two)
        mia.confirm_authority()


def test_who_is_not_confined_costs_no_query(everywhere: User, north: Warehouse, django_assert_num_queries: Any) -> None:
    everywhere.get_all_permissions()
    with django_assert_num_queries(0):
        assert everywhere.may(ASSIGN, north)
        User.objects.visible_to(everywhere).with_changeable_by(everywhere)


def test_it_is_in_the_history(mia: User, north: Warehouse) -> None:
    ManagedWarehouse.objects.set_for(mia, add=[], remove=[north])
    events: Any = ManagedWarehouse
    told = events.pgh_event_model.objects.order_by("pgh_id").values_list("pgh_label", "user", "warehouse")
    assert list(told) == [("insert", mia.pk, north.pk), ("delete", mia.pk, north.pk)]
