"""What a confined person sees of the history: what concerns their warehouses, and no trace of anything else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from config.history.positions import Operation, Position
from tests.support.back_office.history import HISTORY, ask, change_set, tab, undo_url
from tests.support.back_office.staff import signed_in
from tests.support.confinement import Site
from users.models import Client as App
from users.models import Session, User
from users.models.role import Role
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_site(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def sessions(site: Site) -> dict[str, Session]:
    people = {"here": site.here, "both": site.both, "elsewhere": site.elsewhere}
    return {
        name: Session.objects.create(user=one, expires_at=timezone.now(), refresh_digest=name, client_id="app")
        for name, one in people.items()
    }


def everywhere(author: User, site: Site) -> Operation:
    """One change set, which has changed something of everything."""
    with change_set(author) as done:
        for person in (site.here, site.both, site.elsewhere):
            User.objects.filter(pk=person.pk).update(last_name="Renamed")
        Warehouse.objects.filter(pk__in=[site.own.pk, site.other.pk]).update(note="Gate 2")
        WarehouseUserAssignment.objects.filter(is_active=True).update(is_active=False)
        ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[])
        ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.other])
        Role.objects.create(name="Yard")
        App.objects.create(name="Scanner", client_id="scanner")
    return done


def rows_of(changes: Any) -> set[tuple[str, str]]:
    return {(one.kind, one.object_id) for one in changes}


def seen(site: Site) -> set[tuple[str, str]]:
    """Kind and key of all that the manager sees of `everywhere`."""
    return {
        ("User", str(site.here.pk)),
        ("User", str(site.both.pk)),
        ("Warehouse", str(site.own.pk)),
        ("Assignment", str(site.here_own.pk)),
    }


def test_the_history_has_only_what_concerns_ones_warehouses(
    as_site: Client, site: Site, ada: User, sessions: dict[str, Session]
) -> None:
    everywhere(ada, site)
    changes = ask(as_site)
    given = ManagedWarehouse.objects.get()
    assert rows_of(changes) == seen(site) | {
        ("Assignment", str(site.both_own.pk)),
        ("User", str(site.manager.pk)),
        ("Managed warehouse", str(given.pk)),
        ("Session", str(sessions["here"].pk)),
        ("Session", str(sessions["both"].pk)),
    }
    page = as_site.get(HISTORY).content.decode()
    for hidden in (site.other.name, site.elsewhere.email, site.nowhere.email, ada.email, "Yard", "Scanner"):
        assert hidden not in page, hidden
    assert ada.get_full_name() in page


def test_who_is_not_confined_sees_all_of_it(as_ada: Client, site: Site, ada: User) -> None:
    everywhere(ada, site)
    kinds = {one.kind for one in ask(as_ada)}
    assert kinds == {"User", "Warehouse", "Assignment", "Managed warehouse", "Role", "Client"}
    assert ada.email in as_ada.get(HISTORY).content.decode()


def test_only_kinds_that_belong_to_warehouses_are_offered(as_site: Client) -> None:
    offered = as_site.get(HISTORY).context["form"].fields["kind"].choices
    assert {name for name, _label in offered if name} == {
        "users.companyaccount",
        "users.directoryentry",
        "users.session",
        "users.user",
        "warehouses.warehouse",
        "assignments.warehouseuserassignment",
        "assignments.managedwarehouse",
    }
    assert "kind" in as_site.get(HISTORY, {"kind": "users.role"}).context["form"].errors


def test_what_a_deassigned_person_did_here_stays_and_what_they_are_does_not(
    as_site: Client, site: Site, ada: User
) -> None:
    with change_set(ada):
        WarehouseUserAssignment.objects.set_warehouses(site.both, add=[], remove=[site.own])
        User.objects.filter(pk=site.both.pk).update(last_name="Renamed")
    (newest,) = (one for one in ask(as_site) if one.change_set)
    assert (newest.what, newest.subject, newest.who) == (
        "Deassigned",
        f"{User.objects.get(pk=site.both.pk).get_full_name()} → Own Hall",
        ada.get_full_name(),
    )
    assert site.both.email not in as_site.get(HISTORY).content.decode()


# --- The page of one object -------------------------------------------------------------------------------------
def test_the_history_of_a_person_in_both_has_only_what_is_here(as_site: Client, site: Site, ada: User) -> None:
    everywhere(ada, site)
    changes = ask(as_site, tab(site.both))
    assert rows_of(changes) == {("User", str(site.both.pk)), ("Assignment", str(site.both_own.pk))}
    assert site.other.name not in as_site.get(tab(site.both)).content.decode()


def test_the_history_of_a_foreign_object_is_that_of_a_missing_one(as_site: Client, site: Site, ada: User) -> None:
    everywhere(ada, site)
    for row in (site.other, site.elsewhere, site.elsewhere_other, site.both_other):
        there, gone = (as_site.get(path) for path in (tab(row), tab(type(row)(pk=987654321))))
        assert (there.status_code, there["Location"]) == (gone.status_code, gone["Location"])
        assert there.status_code == 302
        told = [str(answer.cookies["messages"].value) for answer in (there, gone)]
        assert site.other.name not in told[0]


# --- Filters and paging -----------------------------------------------------------------------------------------
def test_paging_goes_on_behind_what_one_does_not_see(
    as_site: Client, site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.history.pages.PAGE_ROWS", 2)
    everywhere(ada, site)
    found, address = [], HISTORY
    while address:
        page = as_site.get(address)
        found += page.context["changes"]
        older = page.context["older"]
        address = older and HISTORY + older
    assert len(found) == len({one.position for one in found})
    assert rows_of(found) >= seen(site)
    assert rows_of(found).isdisjoint({("Warehouse", str(site.other.pk)), ("User", str(site.elsewhere.pk))})


def test_a_page_behind_a_foreign_entry_does_not_tell_that_it_exists(as_site: Client, site: Site, ada: User) -> None:
    everywhere(ada, site)
    event = Warehouse.pgh_event_model.objects.filter(pgh_obj=site.other.pk).latest("pgh_id")  # type: ignore[attr-defined]
    there = Position(event.pgh_created_at, event.pgh_id, "warehouses.warehouse")
    missing = there._replace(event=event.pgh_id + 1_000_000)
    shown = [rows_of(ask(as_site, after=str(one), kind="warehouses.warehouse")) for one in (there, missing)]
    assert shown[0] <= {("Warehouse", str(site.own.pk))}
    assert shown[0] == shown[1]


def test_changes_of_an_author_whom_one_does_not_see_are_not_found_by_them(
    as_site: Client, site: Site, ada: User
) -> None:
    everywhere(ada, site)
    assert {one.who for one in ask(as_site)} >= {ada.get_full_name()}

    def answer(asked: str) -> Any:
        return as_site.get(HISTORY, {"actor": asked}).context["form"].errors["actor"]

    for known in (ada.email, ada.get_full_name(), site.elsewhere.email, site.elsewhere.get_full_name()):
        assert answer(known) == [f"No person has the name, e-mail or ID “{known}”."], known
    assert answer(str(ada.pk)) == [f"No person has the name, e-mail or ID “{ada.pk}”."]
    with change_set(site.manager):
        User.objects.filter(pk=site.here.pk).update(last_name="Back")
    assert [one.object_id for one in ask(as_site, actor=site.manager.email)] == [str(site.here.pk)]


# --- Change sets ------------------------------------------------------------------------------------------------
def test_a_change_set_shows_only_what_is_seen_and_is_silent_about_the_rest(
    as_site: Client, site: Site, ada: User
) -> None:
    done = everywhere(ada, site)
    page = as_site.get(done.url)
    assert rows_of(page.context["changes"]) == seen(site)
    assert site.other.name not in page.content.decode()
    alone = only_here(ada, site)
    assert lines_of(page) == lines_of(as_site.get(alone.url))


def only_here(author: User, site: Site) -> Operation:
    """A change set of the same changes, as far as they are seen."""
    with change_set(author) as done:
        for person in (site.here, site.both):
            User.objects.filter(pk=person.pk).update(last_name="Renamed twice")
        Warehouse.objects.filter(pk=site.own.pk).update(note="Gate 3")
        WarehouseUserAssignment.objects.filter(pk=site.here_own.pk).update(is_active=True)
    return done


def lines_of(page: Any) -> int:
    return len(page.content.decode().splitlines())


def test_a_change_set_of_which_one_sees_nothing_is_a_missing_one(as_site: Client, site: Site, ada: User) -> None:
    with change_set(ada) as done:
        Warehouse.objects.filter(pk=site.other.pk).update(note="Gate 2")
        WarehouseUserAssignment.objects.filter(pk=site.both_other.pk).update(is_active=False)
    missing = done._replace(request_id="0" * 32)
    for address in (Operation.url.fget, undo_url):  # type: ignore[attr-defined]
        there, gone = (as_site.get(address(one)) for one in (done, missing))
        assert there.status_code == gone.status_code == 404
        assert there.content.replace(done.request_id.encode(), b"") == gone.content.replace(b"0" * 32, b"")


# --- Costs ------------------------------------------------------------------------------------------------------
def test_one_query_more_tells_what_is_managed(
    as_site: Client, as_ada: Client, site: Site, ada: User, django_assert_max_num_queries: Any
) -> None:
    everywhere(ada, site)
    counts = []
    for browser in (as_ada, as_site):
        browser.get(HISTORY)
        with django_assert_max_num_queries(20) as made:
            browser.get(HISTORY)
        counts.append(len([one for one in made.captured_queries if "event" in one["sql"] or "managed" in one["sql"]]))
    assert counts == [2, 3]
