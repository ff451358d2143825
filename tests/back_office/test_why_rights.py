"""*Why?* about a Back Office user: which rights they have, where, and why not."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client as Browser

from assignments.models import ManagedWarehouse
from tests.support.back_office.staff import member
from tests.support.back_office.why import mends, shown, texts, unmet
from tests.support.confinement import Site
from users import roles
from users.models import User

ROLES = (roles.ADMINISTRATOR, roles.STAFF_MANAGER, roles.WAREHOUSE_MANAGER, roles.SITE_MANAGER, roles.AUDITOR)
ONLY_THERE = "Their rights count only for the warehouses that they manage."


def test_a_site_manager_may_what_the_role_allows_in_their_warehouses(as_ada: Browser, site: Site) -> None:
    page = shown(as_ada, person=site.manager.email, warehouse=site.own.name)
    assert texts(page, "rights")[:3] == ["Roles: Site manager.", ONLY_THERE, "They manage Own Hall: unlimited."]
    assert unmet(page, "rights") == [
        "Warehouses: change: no role of theirs allows it there.",
        "Warehouses: delete: no role of theirs allows it there.",
    ]
    assert page["rights"][2].change.label == "insert"
    (rank,) = [one for one in page["rights"] if one.text.startswith("Rank: ")]
    assert rank.is_met is None
    assert rank.text == "Rank: they may change people with no other roles than these: Site manager."


def test_the_rank_is_that_by_which_changes_are_refused(as_ada: Browser, make_user: Callable[..., User]) -> None:
    people = {role: member(make_user(f"rank.n{number}@example.test"), role) for number, role in enumerate(ROLES)}
    for role, person in people.items():
        (told,) = [one for one in texts(shown(as_ada, person=person.email), "rights") if "Rank" in one] or [""]
        named = set(
            told.removesuffix(".").partition(": they may change people with no other roles than these: ")[2].split(", ")
        )
        person = User.objects.get(pk=person.pk)
        below = {other for other, one in people.items() if User.objects.get(pk=one.pk).may_be_changed_by(person)}
        assert (named - {""}) == (below if person.may_somewhere("users.change_user") else set()), role
    User.objects.filter(pk=people[roles.AUDITOR].pk).update(is_superuser=True)
    assert "Rank: they may change everybody." in texts(shown(as_ada, person=people[roles.AUDITOR].email), "rights")


def test_elsewhere_it_is_their_confinement_that_refuses(as_ada: Browser, site: Site) -> None:
    page = shown(as_ada, person=site.manager.email, warehouse=site.other.name)
    assert unmet(page, "rights") == [
        "They do not manage Other Hall.",
        "Warehouses: see: only in the warehouses that they manage.",
        "Warehouses: change: no role of theirs allows it there.",
        "Warehouses: delete: no role of theirs allows it there.",
        *(f"Assignments: {what}: only in the warehouses that they manage." for what in _ALL),
    ]
    assert mends(page, "rights") == [
        ("Managed warehouses", f"/admin/assignments/warehouseuserassignment/managed/{site.manager.uuid}/")
    ]


_ALL = ("see", "create", "change", "delete")


def test_a_warehouse_that_was_taken_away_says_by_whom_it_was(as_ada: Browser, site: Site) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    page = shown(as_ada, person=site.manager.email, warehouse=site.own.name)
    (taken,) = [one for one in page["rights"] if one.text == "They do not manage Own Hall."]
    assert (taken.is_met, taken.change.what) == (False, "Management taken")


def test_who_is_not_confined_has_their_rights_everywhere(
    as_ada: Browser, site: Site, make_user: Callable[..., User]
) -> None:
    manager = member(make_user("max.manager@example.test"), roles.WAREHOUSE_MANAGER)
    page = shown(as_ada, person=manager.email, warehouse=site.other.name)
    assert texts(page, "rights")[:2] == ["Roles: Warehouse manager.", "Their rights count for all warehouses."]
    assert unmet(page, "rights") == [
        f"{what}: no role of theirs allows it there."
        for what in ("Users: create", "Users: change", "Sessions: see", "Sessions: change")
    ]


def test_a_warehouse_user_has_none(as_ada: Browser, site: Site) -> None:
    assert shown(as_ada, person=site.here.email)["rights"] == []
