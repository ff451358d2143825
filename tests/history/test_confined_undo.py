"""What a confined person undoes: what they may do themselves, in their warehouses, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from config.back_office.authority import AuthorityLostError
from config.history.positions import Operation
from config.history.undo import large_undo, plan
from config.history.undo.plan import NO_RIGHT
from config.spreadsheets.models import Undo
from tests.support.back_office.history import change_set, go_on, plan_undo, press_undo, preview, run_undo, undo_url
from tests.support.back_office.staff import signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.account_actions import LeftOut
from users.models import User
from warehouses.models import Warehouse

rows = WarehouseUserAssignment.objects

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_site(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def boss(make_user: Callable[..., User], site: Site) -> User:
    """With all the rights that one can have, in the warehouse of the site."""
    return confined(make_user("bea.boss@example.test"), roles.ADMINISTRATOR, site.own)


def renamed(author: User, *people: User, **values: Any) -> Operation:
    with change_set(author) as done:
        User.objects.filter(pk__in=[one.pk for one in people]).update(**(values or {"last_name": "Renamed"}))
    return done


def last_names(site: Site) -> list[str]:
    people = (site.here, site.both, site.elsewhere)
    return [User.objects.get(pk=one.pk).last_name for one in people]


def reasons(browser: Client, done: Operation) -> list[list[str]]:
    return [one.reasons for one in preview(browser, done).listed_left_out]


# --- People -----------------------------------------------------------------------------------------------------
def test_people_of_ones_own_are_put_back_those_in_both_are_left_out_and_others_are_not_in_the_list(
    as_site: Client, site: Site, ada: User
) -> None:
    done = renamed(ada, site.here, site.both, site.elsewhere)
    shown = preview(as_site, done)
    assert (shown.done, shown.left_out, shown.more, shown.more_left_out) == (1, 1, 0, 0)
    assert [one.object_id for one in shown.changes] == [str(site.here.pk)]
    assert reasons(as_site, done) == [[str(LeftOut.ELSEWHERE.label)]]
    assert site.elsewhere.email not in as_site.get(undo_url(done)).content.decode()
    answer = press_undo(as_site, done)
    assert told(answer) == ["1 change was undone.", f"1 change was left out: {LeftOut.ELSEWHERE.label}"]
    assert last_names(site) == ["Picker", "Renamed", "Renamed"]


@pytest.mark.parametrize(
    ("column", "value"), [("roles", None), ("is_warehouse_user", False), ("is_confined", True), ("is_superuser", True)]
)
def test_rights_are_never_put_back(
    column: str, value: Any, as_site: Client, site: Site, ada: User, nothing_changes: Any
) -> None:
    if column == "roles":
        with change_set(ada) as done:
            site.here.groups.set([site.manager.groups.get()])
    else:
        done = renamed(ada, site.here, **{column: value})
    with nothing_changes():
        (text,) = told(press_undo(as_site, done))
    assert text.startswith("Nothing of this can be undone. ")
    assert User.objects.get(pk=site.here.pk).roles == ([] if column != "roles" else [roles.SITE_MANAGER])


def test_an_email_that_somebody_elsewhere_has_is_told_of_neutrally(
    as_site: Client, site: Site, ada: User, make_user: Callable[..., User]
) -> None:
    former = site.here.email
    done = renamed(ada, site.here, email="new.address@example.test")
    make_user(former)
    assert reasons(as_site, done) == [["This e-mail cannot be used. Ask somebody who may do this everywhere."]]
    assert reasons(signed_in(ada), done) == [["Another user has this e-mail."]]


def test_who_was_hired_here_is_deleted_and_deassigned_by_who_may_delete(
    site: Site, boss: User, make_user: Callable[..., User]
) -> None:
    """Though the deassignment, which comes first, leaves nothing by which the person belongs to the warehouse."""
    with change_set(boss) as done:
        hired = make_user("new.hand@example.test", is_warehouse_user=True)
        rows.set_warehouses(hired, add=[site.own], remove=[])
    assert told(press_undo(signed_in(boss), done)) == ["2 changes were undone."]
    assert User.objects.get(pk=hired.pk).is_deleted
    assert not rows.filter(user=hired).exists()


def test_a_site_manager_may_not_delete_whom_they_hired(
    as_site: Client, site: Site, make_user: Callable[..., User]
) -> None:
    with change_set(site.manager) as done:
        hired = make_user("new.hand@example.test", is_warehouse_user=True)
        rows.set_warehouses(hired, add=[site.own], remove=[])
    assert reasons(as_site, done) == [[str(NO_RIGHT)]]
    press_undo(as_site, done)
    assert not User.objects.get(pk=hired.pk).is_deleted
    assert not rows.filter(user=hired).exists()


# --- Assignments ------------------------------------------------------------------------------------------------
def test_only_assignments_in_ones_own_warehouses_are_put_back(as_site: Client, site: Site, ada: User) -> None:
    with change_set(ada) as done:
        rows.set_warehouses(site.both, add=[], remove=[site.own, site.other])
        rows.set_warehouses(site.elsewhere, add=[site.own], remove=[site.other])
    shown = preview(as_site, done)
    assert (shown.done, shown.left_out, len(shown.changes)) == (2, 0, 2)
    press_undo(as_site, done)
    assert {*rows.values_list("user", "warehouse")} == {
        (site.here.pk, site.own.pk),
        (site.both.pk, site.own.pk),
    }


def test_who_works_in_another_warehouse_now_keeps_working_there(as_site: Client, site: Site, ada: User) -> None:
    rows.get(pk=site.both_own.pk).activate()
    with change_set(ada) as done:
        rows.get(pk=site.both_other.pk).activate()
    assert reasons(as_site, done) == [["They work in another warehouse now."]]
    assert reasons(signed_in(ada), done) == []
    page = as_site.get(undo_url(done)).content.decode()
    assert site.other.name not in page
    (text,) = told(press_undo(as_site, done))
    assert text == "Nothing of this can be undone. They work in another warehouse now."
    assert rows.get(pk=site.both_other.pk).is_active
    assert not rows.get(pk=site.both_own.pk).is_active


# --- Warehouses -------------------------------------------------------------------------------------------------
def test_a_warehouse_is_put_back_only_if_it_is_ones_own(site: Site, boss: User, ada: User) -> None:
    with change_set(ada) as done:
        Warehouse.objects.filter(pk__in=[site.own.pk, site.other.pk]).update(note="Gate 2")
    assert preview(signed_in(boss), done).done == 1
    press_undo(signed_in(boss), done)
    assert [Warehouse.objects.get(pk=one.pk).note for one in (site.own, site.other)] == ["", "Gate 2"]
    assert reasons(signed_in(site.manager), renamed_warehouse(ada, site.own)) == [[str(NO_RIGHT)]]


def renamed_warehouse(author: User, warehouse: Warehouse) -> Operation:
    with change_set(author) as done:
        Warehouse.objects.filter(pk=warehouse.pk).update(name="New Hall")
    return done


def test_a_deleted_warehouse_is_a_missing_one(site: Site, boss: User, ada: User) -> None:
    with change_set(ada) as done:
        site.other.remove(with_assignments=True)
    assert signed_in(boss).get(undo_url(done)).status_code == 404


# --- What was undone already ------------------------------------------------------------------------------------
def test_an_undo_elsewhere_is_not_told_and_hinders_nobody_here(
    as_site: Client, site: Site, ada: User, make_user: Callable[..., User]
) -> None:
    other = signed_in(confined(make_user("otto.other@example.test"), roles.SITE_MANAGER, site.other))
    with change_set(ada) as done:
        rows.filter(user=site.both).delete()
    press_undo(other, done)
    page = as_site.get(done.url)
    assert page.context["former"] is None
    assert "Otto Other" not in page.content.decode()
    assert told(press_undo(as_site, done)) == ["1 change was undone."]
    assert rows.filter(user=site.both).count() == 2
    assert as_site.get(done.url).context["former"]["text"].startswith("This was undone by Cora Confined, ")


def test_the_author_of_an_undo_is_named_without_email(as_site: Client, site: Site, ada: User) -> None:
    done = renamed(ada, site.here)
    press_undo(signed_in(ada), done)
    page = as_site.get(done.url).content.decode()
    assert "This was undone by Ada Admin, " in page
    assert ada.email not in page


# --- At the commit, and beside requests -------------------------------------------------------------------------
def test_who_lost_the_warehouse_meanwhile_undoes_nothing(site: Site, ada: User) -> None:
    done = renamed(ada, site.here)
    person = User.objects.get(pk=site.manager.pk)
    plan.undo(done, person, "")
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    with pytest.raises(AuthorityLostError):
        person.confirm_authority()


def test_a_large_undo_has_the_same_bounds(
    as_site: Client, site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.history.undo.pages.MAX_AT_ONCE", 1)
    done = renamed(ada, site.here, site.both, site.elsewhere)
    job = plan_undo(as_site, done)
    assert (job.state, job.report["done"], job.report["left_out"]) == (Undo.State.PLANNED, 1, 1)
    go_on(as_site, job)
    assert run_undo(job).state == Undo.State.UNDONE
    assert last_names(site) == ["Picker", "Renamed", "Renamed"]


def test_a_large_undo_stops_once_its_person_manages_less(
    as_site: Client, site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.history.undo.pages.MAX_AT_ONCE", 1)
    done = renamed(ada, site.here, site.both)
    job = plan_undo(as_site, done)
    go_on(as_site, job)
    job = Undo.objects.select_related("person").get(pk=job.pk)
    assert job.person.managed == {site.own.pk}
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    with pytest.raises(AuthorityLostError):
        large_undo.undo(job, None)
    assert last_names(site) == ["Renamed", "Renamed", "Picker"]


def test_a_large_undo_that_read_more_than_one_manages_now_is_missing(
    as_site: Client, site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.history.undo.pages.MAX_AT_ONCE", 1)
    done = renamed(ada, site.here, site.elsewhere)
    User.objects.filter(pk=site.manager.pk).update(is_confined=False)
    first = plan_undo(as_site, done)
    assert first.report["done"] == 2
    User.objects.filter(pk=site.manager.pk).update(is_confined=True)
    page = f"/admin/history/undo/{first.pk}/"
    assert as_site.get(page).status_code == as_site.get(f"{page}progress/").status_code == 404
    assert as_site.post(page, {"state": first.state}).status_code == 404
    assert Undo.objects.get().state == Undo.State.PLANNED


def test_foreign_changes_do_not_make_an_undo_large(
    as_site: Client, site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.history.undo.pages.MAX_EVENTS", 1)
    done = renamed(ada, site.here, site.elsewhere)
    assert as_site.get(done.url).context["too_large"] == ""
    assert signed_in(ada).get(done.url).context["too_large"]
