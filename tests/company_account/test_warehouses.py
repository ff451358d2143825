"""The warehouses to which a provider's groups confine a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from structlog.testing import capture_logs

from assignments.models import ManagedWarehouse
from config.database.periods import Period
from config.history.changes import HistoryQuery, find
from tests.support.back_office.staff import member, rows, signed_in
from tests.support.cases import each
from tests.support.company_account.forger import Forger, Walk
from tests.support.company_account.site import link, page_text, refusals
from tests.support.confinement import Site, build, confined_to
from tests.support.sign_in.login import is_in
from users.models import User
from warehouses.models import Warehouse

Provide = Callable[..., Any]
#: Group → warehouses. Own Hall by name, as somebody types it; the other one by UUID.
OTHER = "7a0d7ad1-2f36-4d9c-93b6-3f2c1e3c0a11"
MAP = {
    "own-managers": frozenset({" own  HALL"}),
    "all-managers": frozenset({"Own Hall", OTHER.upper()}),
    "head-office": frozenset({"*"}),
}
ROLES = {"own-managers": frozenset({"Site manager"}), "all-managers": frozenset({"Site manager"})}

NOBODY = (
    "Back Office You cannot sign in with this account Forger knows you, but this account opens nothing here. Ask an "
    "administrator for access. If you ask for help, name this code: CODE Back to the login page"
)


@pytest.fixture
def halls(make_user: Callable[..., User]) -> Site:
    halls = build(make_user)
    Warehouse.objects.filter(pk=halls.other.pk).update(uuid=OTHER)
    return halls


@pytest.fixture
def linked(provided: Provide, olive_there: User, halls: Site) -> User:
    link(olive_there, provided(warehouses=MAP), "olive-1")
    return olive_there


def sign_in(forger: Forger, *groups: Any) -> Walk:
    forger.claims["groups"] = list(groups)
    walk = Walk(forger)
    assert walk.through().status_code == 302
    assert is_in(walk.browser)
    return walk


def managed(person: User) -> tuple[bool, list[str]]:
    """Whether the person is confined, and what they manage."""
    person.refresh_from_db()
    names = person.managed_warehouses.order_by("warehouse__name").values_list("warehouse__name", flat=True)
    return person.is_confined, list(names)


def test_groups_confine_to_warehouses_and_give_and_take_them_at_each_sign_in(linked: User, forger: Forger) -> None:
    member(linked, "Site manager")
    walk = sign_in(forger, "own-managers", "canteen")
    assert managed(linked) == (True, ["Own Hall"])
    seen = rows(walk.browser.get("/admin/users/user/"))
    assert sorted(one.partition("@")[0] for one in seen) == [
        "both.picker",
        "cora.confined",
        "here.picker",
        linked.email.partition("@")[0],
    ]
    sign_in(forger, "own-managers", "all-managers")
    assert managed(linked) == (True, ["Other Hall", "Own Hall"])
    sign_in(forger, "own-managers")
    assert managed(linked) == (True, ["Own Hall"])
    sign_in(forger, "own-managers", "head-office")
    assert managed(linked) == (False, ["Own Hall"])
    sign_in(forger)
    assert managed(linked) == (True, [])
    assert rows(walk.browser.get("/admin/users/user/")) == []  # also in the session that was open


def test_whose_groups_name_no_warehouse_sees_nothing(provided: Provide, halls: Site, forger: Forger) -> None:
    """Somebody new, with a role everywhere but for this."""
    provided(creates_users=True, roles={"auditors": frozenset({"Auditor"})}, warehouses=MAP)
    forger.claims = {"sub": "nina-1", "email": "nina.new@example.test", "email_verified": True}
    walk = sign_in(forger, "auditors")
    assert managed(User.objects.get(email="nina.new@example.test")) == (True, [])
    for path in ("users/user", "warehouses/warehouse", "assignments/warehouseuserassignment", "users/session"):
        assert list(walk.browser.get(f"/admin/{path}/").context["cl"].result_list) == [], path
    assert walk.browser.get(f"/admin/users/user/{halls.here.pk}/view/").status_code == 404


CRAFTED: dict[str, Any] = {
    "a warehouse": "Own Hall",
    "the UUID of one": OTHER,
    "all": "*",
    "other letters": "OWN-MANAGERS",
    "a blank": "own-managers ",
    "invisible": "own-managers\u200b",
    "several in a text": "own-managers,all-managers",
    "in a list": ["own-managers"],
    "in an object": {"own-managers": ["*"], "warehouses": ["*"]},
    "a number": 1,
    "nothing": None,
}


@each("group", CRAFTED.values(), CRAFTED)
def test_a_crafted_group_gives_no_warehouse(group: Any, linked: User, forger: Forger) -> None:
    forger.claims |= {"warehouses": ["Own Hall"], "is_confined": False, "managed_warehouses": ["*"]}
    sign_in(forger, group)
    assert managed(linked) == (True, [])


def test_the_provider_owns_what_the_map_names_and_leaves_the_rest(linked: User, forger: Forger) -> None:
    third = Warehouse.objects.create(name="Third Hall")
    own = Warehouse.objects.get(name="Own Hall")
    confined_to(linked, third, Warehouse.objects.get(uuid=OTHER))
    until = Period(None, timezone.now() + timedelta(days=1))
    ManagedWarehouse.objects.set_for(linked, add=[own], remove=[], period=until)
    sign_in(forger, "own-managers")
    assert managed(linked) == (True, ["Own Hall", "Third Hall"])
    assert linked.managed_warehouses.get(warehouse=own).ends_at is None


def test_a_sign_in_that_changes_nothing_writes_no_history(linked: User, forger: Forger) -> None:
    sign_in(forger, "own-managers")
    before = find(HistoryQuery({User: Q(), ManagedWarehouse: Q()}), 50)[0]
    sign_in(forger, "own-managers")
    assert find(HistoryQuery({User: Q(), ManagedWarehouse: Q()}), 50)[0] == before


def test_the_history_names_the_provider_and_the_page_says_who_gives_what(
    linked: User, forger: Forger, as_ada: Any
) -> None:
    sign_in(forger, "all-managers")
    sign_in(forger, "own-managers")
    (confined, *_), _more = find(HistoryQuery({User: Q()}, about=[linked]), 10)
    changes, _more = find(HistoryQuery({ManagedWarehouse: Q()}, about=[linked]), 10)
    assert [one.what for one in changes] == ["Management taken", "Management given", "Management given"]
    assert [one.label for one in confined.differences] == ["Rights only in certain warehouses"]
    assert {(one.who, one.through) for one in (confined, *changes)} == {("Forger", "Sign-in by company account")}
    third = Warehouse.objects.create(name="Third Hall")
    ManagedWarehouse.objects.set_for(linked, add=[third], remove=[])
    page = as_ada.get(f"/admin/users/user/{linked.pk}/view/").content.decode()
    assert "Own Hall (from Forger), Third Hall<" in page
    form = as_ada.get(f"/admin/users/user/{linked.pk}/change/").context["adminform"].form
    said = (
        f"Forger decides this at each sign-in. Forger gives and takes at each sign-in:  own  HALL, {OTHER.upper()}, "
        "Own Hall."
    )
    assert form.fields["is_confined"].help_text == said
    assert as_ada.get(managed_page(linked)).context["hint"] == said


def test_a_confined_colleague_is_not_told_by_name_which_warehouses_a_provider_gives(
    linked: User, halls: Site, forger: Forger
) -> None:
    sign_in(forger, "own-managers")
    page = signed_in(halls.manager).get(managed_page(linked))
    assert page.context["hint"] == "Forger decides this at each sign-in."
    assert '<p class="assign-notice">Forger decides this at each sign-in.</p>' in page.content.decode()
    assert OTHER.upper() not in page.content.decode()


def managed_page(person: User) -> str:
    return reverse("admin:assignments_managed_warehouses", args=[person.uuid])


def test_an_unknown_warehouse_gives_nothing_and_is_logged(
    provided: Provide, olive_there: User, halls: Site, forger: Forger
) -> None:
    ghost = frozenset({"Ghost Hall", "00000000-0000-0000-0000-000000000000", "Own Hall"})
    link(olive_there, provided(warehouses={"own-managers": ghost}), "olive-1")
    with capture_logs() as logs:
        sign_in(forger, "own-managers")
    assert managed(olive_there) == (True, ["Own Hall"])
    (said,) = [one for one in logs if one["event"] == "Mapped Warehouses Do Not Exist"]
    assert (said["log_level"], said["provider"], said["warehouses"]) == (
        "warning", "forger", ["00000000-0000-0000-0000-000000000000", "Ghost Hall"]
    )  # fmt: skip


def test_the_last_administrator_is_not_confined_and_refused(
    linked: User, forger: Forger, walk: Walk, nothing_changes: Callable[[], Any]
) -> None:
    member(linked, "Administrator")
    forger.claims["groups"] = ["own-managers"]
    with nothing_changes():
        answer = walk.through()
    assert (answer.status_code, page_text(answer)) == (403, NOBODY)
    reason = "the groups would take the rights of the last administrator"
    assert refusals() == [{"provider": "Forger", "username": linked.email, "reason": reason}]
    assert (managed(linked), is_in(walk.browser)) == ((False, []), False)
    sign_in(forger, "head-office")


def test_groups_that_were_left_out_are_not_taken_for_none(
    linked: User, forger: Forger, walk: Walk, nothing_changes: Callable[[], Any]
) -> None:
    forger.claims |= {"_claim_names": {"groups": "src1"}}
    with nothing_changes():
        assert walk.through().status_code == 403
    assert refusals()[0]["reason"] == "the provider left the groups out because there are too many"


def test_a_superuser_is_not_confined(provided: Provide, ada: User, halls: Site, forger: Forger) -> None:
    link(ada, provided(warehouses=MAP), "ada-1")
    forger.claims = {"sub": "ada-1"}
    sign_in(forger, "own-managers")
    assert managed(ada) == (False, [])


def test_without_the_map_staff_confine(provided: Provide, olive_there: User, halls: Site, forger: Forger) -> None:
    link(olive_there, provided(roles=ROLES), "olive-1")
    confined_to(olive_there, halls.other)
    sign_in(forger, "own-managers")
    assert managed(olive_there) == (True, ["Other Hall"])
    form = signed_in(User.objects.create_superuser("sue@example.test", "x", first_name="S", last_name="U"))
    page = form.get(f"/admin/users/user/{olive_there.pk}/change/").content.decode()
    assert "decides this at each sign-in" not in page


def test_a_name_that_is_the_uuid_of_another_warehouse_stands_for_nothing(linked: User, forger: Forger) -> None:
    """Whoever may rename warehouses moves no right to one of theirs."""
    Warehouse.objects.create(name=OTHER)
    sign_in(forger, "all-managers")
    assert managed(linked) == (True, ["Other Hall", "Own Hall"])
