"""Undo of change sets: what a saved form, a bulk action or an import changed is put back by the write methods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from assignments.models import WarehouseUserAssignment
from config.database.periods import Period
from config.history.positions import Operation
from tests.support.api.client import sign_in
from tests.support.back_office.history import ask, change_set, last_change_set, press_undo, preview, said, tab
from tests.support.back_office.sheets import USERS, apply, upload
from tests.support.back_office.staff import LIST, NEW_PASSWORD, bulk, change, group, told
from tests.support.cases import each
from users.models import Session, User
from warehouses.models import Warehouse

rows = WarehouseUserAssignment.objects
LAST_WEEK, NEXT_WEEK = now() - timedelta(days=7), now() + timedelta(days=7)


def assigned() -> set[tuple[str, str, bool, Any, Any]]:
    """E-mail, warehouse, whether they work there, and the period, of each assignment."""
    return set(rows.values_list("user__email", "warehouse__name", "is_active", "starts_at", "ends_at"))


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def last_undo(browser: Client, row: Any) -> Operation:
    """The change set of the undo that changed this row."""
    operation = last_change_set(row)
    assert "Undo of the changes of" in browser.get(operation.url).content.decode()
    return operation


# --- People -----------------------------------------------------------------------------------------------------
def test_an_edited_person_gets_the_former_values(as_ada: Client, pat: User) -> None:
    change(as_ada, pat, first_name="Patricia", language="de_DE", change_reason="married")
    done = last_change_set(pat)
    shown = [said(one) for one in preview(as_ada, done).changes]
    answer = press_undo(as_ada, done, change_reason="not yet")
    assert shown == [
        ("Changed", pat.email, [("First Name", "Patricia", "Pat"), ("Interface language", "Deutsch", "English")])
    ]
    assert told(answer) == ["1 change was undone."]
    assert (fresh(pat).first_name, fresh(pat).language) == ("Pat", "en_US")
    newest = ask(as_ada, tab(pat))[0]
    assert newest.reason.startswith("Undo of the changes of ")
    assert newest.reason.endswith(": not yet")
    assert answer["Location"] == newest.change_set


def test_an_undo_can_be_undone_and_what_it_has_undone_says_so(as_ada: Client, ada: User, pat: User) -> None:
    change(as_ada, pat, first_name="Patricia")
    done = last_change_set(pat)
    press_undo(as_ada, done)
    undoing = last_undo(as_ada, pat)
    first, second = (as_ada.get(one.url) for one in (done, undoing))
    assert f"This was undone by {ada.email}, " in first.content.decode()
    assert (first.context["undo_url"], bool(second.context["undo_url"])) == ("", True)
    assert second.context["undoes"]["url"] == done.url
    press_undo(as_ada, undoing)
    assert fresh(pat).first_name == "Patricia"
    assert told(press_undo(as_ada, done))[0].startswith(f"This was undone by {ada.email}, ")
    assert fresh(pat).first_name == "Patricia"


def test_what_somebody_has_changed_since_is_left_out_and_said(as_ada: Client, as_manager: Client, pat: User) -> None:
    change(as_ada, pat, first_name="Patricia", last_name="Packer")
    done = last_change_set(pat)
    change(as_manager, fresh(pat), last_name="Loader")
    shown = preview(as_ada, done)
    answer = press_undo(as_ada, done)
    (left,) = shown.listed_left_out
    assert left.reasons[0].startswith("Last Name: Changed since. (mona.manager@example.test, ")
    assert [said(one)[2] for one in shown.changes] == [[("First Name", "Patricia", "Pat")]]
    assert told(answer) == ["1 change was undone.", f"1 change was left out: {left.reasons[0]}"]
    assert fresh(pat).get_full_name() == "Pat Loader"


def test_a_value_that_was_changed_and_changed_back_is_left_out(as_ada: Client, pat: User, nothing_changes: Any) -> None:
    change(as_ada, pat, first_name="Patricia")
    done = last_change_set(pat)
    for name in ("Patsy", "Patricia"):
        change(as_ada, fresh(pat), first_name=name)
    with nothing_changes():
        assert told(press_undo(as_ada, done))[0].startswith("Nothing of this can be undone. Changed since.")


def test_a_bulk_action_is_undone_and_sessions_stay_ended(as_ada: Client, pat: User, sam: User) -> None:
    sign_in(pat.email)
    bulk(as_ada, "deactivate", pat, sam)
    done = last_change_set(pat)
    assert preview(as_ada, done).others == [("Sessions", 1)]
    assert told(press_undo(as_ada, done)) == ["2 changes were undone."]
    assert {fresh(one).status for one in (pat, sam)} == {"active"}
    assert not Session.objects.live().exists()
    press_undo(as_ada, last_undo(as_ada, pat))
    assert {fresh(one).status for one in (pat, sam)} == {"blocked"}


@each("name", ["deactivate", "activate", "make-warehouse-user", "unmake-warehouse-user", "restore"])
def test_each_account_action_is_undone(name: str, as_ada: Client, make_user: Callable[..., User]) -> None:
    before: dict[str, dict[str, Any]] = {
        "activate": {"status": "blocked"},
        "restore": {"status": "deleted"},
        "unmake-warehouse-user": {"is_warehouse_user": True},
    }
    zoe = make_user(f"zoe.{name}@example.test", **before.get(name, {}))
    bulk(as_ada, name, zoe) if name != "restore" else as_ada.post(f"{LIST}{zoe.pk}/switch/restore/")
    assert (fresh(zoe).status, fresh(zoe).is_warehouse_user) != (zoe.status, zoe.is_warehouse_user)
    press_undo(as_ada, last_change_set(zoe))
    assert (fresh(zoe).status, fresh(zoe).is_warehouse_user) == (zoe.status, zoe.is_warehouse_user)


def test_an_end_of_employment_is_taken_back_but_not_the_own(as_ada: Client, ada: User, pat: User) -> None:
    with change_set(ada) as done:
        for one in User.objects.order_by("pk"):
            one.employed_until = NEXT_WEEK
            one.save()
    assert told(press_undo(as_ada, done)) == [
        "1 change was undone.",
        "1 change was left out: You cannot do this to yourself. Ask a colleague.",
    ]
    assert (fresh(pat).employed_until, fresh(ada).employed_until) == (None, NEXT_WEEK)


def test_who_was_blocked_and_then_deleted_comes_back_blocked(as_ada: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status="blocked")
    as_ada.post(f"{LIST}{pat.pk}/delete/", {"post": "yes"})
    assert fresh(pat).status == "deleted"
    press_undo(as_ada, last_change_set(pat))
    assert fresh(pat).status == "blocked"


def test_roles_and_an_email_are_put_back(as_ada: Client, olive: User, pat: User) -> None:
    change(as_ada, olive, groups=[group("Auditor").pk])
    change(as_ada, fresh(olive), groups=[group("Staff manager").pk], email="olive.oil@example.test")
    press_undo(as_ada, last_change_set(olive))
    assert (fresh(olive).email, fresh(olive).roles) == ("olive.office@example.test", ["Auditor"])


def test_an_email_that_somebody_else_has_now_is_left_out(
    as_ada: Client, pat: User, make_user: Callable[..., User]
) -> None:
    change(as_ada, pat, email="pat.packer@example.test", first_name="Patricia")
    done = last_change_set(pat)
    make_user("PAT.picker@example.test")
    (left,) = preview(as_ada, done).listed_left_out
    press_undo(as_ada, done)
    assert left.reasons == ["E-mail: Another user has this e-mail."]
    assert (fresh(pat).email, fresh(pat).first_name) == ("pat.packer@example.test", "Pat")


def test_a_password_is_never_put_back(as_ada: Client, pat: User) -> None:
    change(as_ada, pat, first_name="Patricia", password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    done = last_change_set(pat)
    (left,) = preview(as_ada, done).listed_left_out
    press_undo(as_ada, done)
    assert left.reasons == ["Password changed: Passwords and second factors are never put back."]
    assert fresh(pat).check_password(NEW_PASSWORD)
    assert fresh(pat).first_name == "Pat"


# --- Assignments ------------------------------------------------------------------------------------------------
def test_assignments_return_with_their_periods_and_where_people_worked(
    as_ada: Client, ada: User, pat: User, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    rows.set_warehouses(pat, add=[north], remove=[], period=Period(LAST_WEEK, NEXT_WEEK))
    rows.set_warehouses(pat, add=[river], remove=[])
    rows.get(warehouse=north).activate()
    before = assigned()
    with change_set(ada) as done:
        rows.set_warehouses(pat, add=[mill], remove=[north])
        rows.set_periods({(pat.pk, river.pk): Period(ends_at=NEXT_WEEK)})
        rows.get(warehouse=river).activate()
    after = assigned()
    assert told(press_undo(as_ada, done)) == ["3 changes were undone."]
    assert assigned() == before
    press_undo(as_ada, last_undo(as_ada, rows.get(warehouse=north)))
    assert assigned() == after


def test_nobody_is_taken_from_where_they_work_by_now(
    as_ada: Client, ada: User, pat_north: Any, pat_river: Any, mill: Warehouse, pat: User
) -> None:
    pat_north.activate()
    with change_set(ada) as done:
        pat_north.deassign()
    with change_set(pat):
        pat_river.activate()
    (left,) = preview(as_ada, done).listed_left_out
    press_undo(as_ada, done)
    assert left.reasons[0].startswith("Works here now: They work in “River Annex” now. (pat.picker@example.test, ")
    assert assigned() == {(pat.email, "North Dock", False, None, None), (pat.email, "River Annex", True, None, None)}


def test_nobody_works_where_their_period_is_over(as_ada: Client, ada: User, pat_north: Any, pat: User) -> None:
    soon = now() + timedelta(milliseconds=600)
    pat_north.set_period(ends_at=soon)
    pat_north.activate()
    with change_set(ada) as done:
        pat_north.set_period(ends_at=NEXT_WEEK)
        pat_north.deactivate()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assignments.undo.database_now", lambda: soon)
        (left,) = preview(as_ada, done).listed_left_out
        press_undo(as_ada, done)
    assert left.reasons == ["Works here now: The period of the assignment is not now."]
    assert assigned() == {(pat.email, "North Dock", False, None, soon)}


@each("how", ["deleted", "flag"])
def test_what_became_of_the_person_or_warehouse_since_is_said(
    how: str, as_ada: Client, ada: User, pat: User, north: Warehouse, nothing_changes: Any
) -> None:
    with change_set(ada) as done:
        rows.set_warehouses(pat, add=[north], remove=[])
    with change_set(ada):
        User.objects.filter(pk=pat.pk).update(**{"flag": {"is_warehouse_user": False}}.get(how, {"status": "deleted"}))
    with nothing_changes():
        (said_,) = told(press_undo(as_ada, done))
    assert said_ == "Nothing of this can be undone. This user is deleted, or not a warehouse user any more."


def test_an_assignment_of_a_warehouse_that_is_gone_is_left_out(
    as_ada: Client, ada: User, pat_north: Any, pat_river: Any, north: Warehouse
) -> None:
    with change_set(ada) as done:
        pat_north.deassign()
        pat_river.deassign()
    with change_set(ada):
        north.remove()
    assert told(press_undo(as_ada, done)) == [
        "1 change was undone.",
        "1 change was left out: The warehouse is deleted.",
    ]
    assert {one[1] for one in assigned()} == {"River Annex"}


# --- Warehouses -------------------------------------------------------------------------------------------------
def test_a_deleted_warehouse_comes_back_with_its_ids_and_its_people(
    as_ada: Client, pat_north: Any, sam_north: Any, north: Warehouse
) -> None:
    pat_north.activate()
    before = assigned()
    as_ada.post(f"/admin/warehouses/warehouse/{north.pk}/delete/", {"name": north.name})
    done = last_change_set(north)
    assert not Warehouse.objects.exists()
    press_undo(as_ada, done)
    assert (fresh(north).uuid, fresh(north).name) == (north.uuid, north.name)
    assert assigned() == before
    press_undo(as_ada, last_undo(as_ada, north))
    assert (assigned(), Warehouse.objects.count()) == (set(), 0)


def test_an_edited_warehouse_gets_its_name_unless_it_is_taken(as_ada: Client, north: Warehouse) -> None:
    form = {"name": "East Dock", "is_active": "False", "note": "", "confirmed": "1"}
    as_ada.post(f"/admin/warehouses/warehouse/{north.pk}/change/", form)
    done = last_change_set(north)
    Warehouse.objects.create(name="NORTH dock")
    (left,) = preview(as_ada, done).listed_left_out
    press_undo(as_ada, done)
    assert left.reasons == ["Name: This name is already in use."]
    assert (fresh(north).name, fresh(north).is_active) == ("East Dock", True)


def test_a_created_warehouse_is_deleted_unless_people_are_assigned(
    as_ada: Client, ada: User, pat: User, nothing_changes: Any
) -> None:
    as_ada.post("/admin/warehouses/warehouse/add/", {"name": "East Dock", "is_active": "True", "note": ""})
    east = Warehouse.objects.get()
    done = last_change_set(east)
    with change_set(ada):
        rows.set_warehouses(pat, add=[east], remove=[])
    with nothing_changes():
        assert told(press_undo(as_ada, done)) == ["Nothing of this can be undone. People are assigned there."]
    with change_set(ada):
        rows.get().deassign()
    press_undo(as_ada, done)
    assert not Warehouse.objects.exists()


# --- Imports ----------------------------------------------------------------------------------------------------
def test_an_import_of_people_and_their_warehouses_is_undone_and_done_again(
    as_ada: Client, pat: User, pat_north: Any, river: Warehouse
) -> None:
    pat_north.activate()
    before = assigned()
    sheet = """email,first_name,last_name,is_warehouse_user,warehouses,works_in
ann.ames@example.test,Ann,Ames,yes,North Dock; River Annex,River Annex
ben.bock@example.test,Ben,Bock,no,,
pat.picker@example.test,Patricia,Picker,yes,,River Annex"""
    job = apply(as_ada, USERS, upload(as_ada, USERS, sheet, sheet="?sheet=warehouses"))
    after = assigned()
    ann, ben = (User.objects.get(email=f"{name}@example.test") for name in ("ann.ames", "ben.bock"))
    page = as_ada.get(f"{USERS}import/{job.pk}/").content.decode()
    done = last_change_set(ann)
    assert done.url.replace("&", "&amp;") in page
    assert told(press_undo(as_ada, done)) == ["7 changes were undone."]
    assert {fresh(one).status for one in (ann, ben)} == {"deleted"}
    assert (fresh(pat).first_name, assigned()) == ("Pat", before)
    press_undo(as_ada, last_undo(as_ada, ann))
    assert {fresh(one).status for one in (ann, ben)} == {"active"}
    assert (fresh(pat).first_name, assigned()) == ("Patricia", after)
