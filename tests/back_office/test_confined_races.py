"""Confined managers at once: two who change one person, and one who loses a warehouse while they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.conftest import snapshot
from tests.support.back_office.lost_rights import committed
from tests.support.back_office.staff import member, signed_in, told
from tests.support.confinement import Site, confined
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users import roles
from users.models import User
from warehouses.models import Warehouse

LIST = "/admin/assignments/warehouseuserassignment/"
REFUSED = ["Your account or your rights were changed at this moment. Nothing was saved. Please look again."]
UPDATED = "Warehouse user assignments are updated."


def page_of(person: User) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[person.uuid])


@committed
def test_two_managers_who_move_one_person_at_once_are_both_served(site: Site, make_user: Callable[..., User]) -> None:
    """The last one wins, and the person works in one warehouse."""
    other = confined(make_user("otto.confined@example.test"), roles.SITE_MANAGER, site.other)
    moves = [(signed_in(site.manager), site.own), (signed_in(other), site.other)]
    WarehouseUserAssignment.objects.filter(user=site.both).update(is_active=False)
    with beside() as start, colleague() as somebody:
        somebody.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [site.both.pk])
        form = [{"current": house.pk, "was_current": "none"} for _client, house in moves]
        sent = [
            start(client.post, page_of(site.both), data) for (client, _house), data in zip(moves, form, strict=True)
        ]
        assert wait_until_blocked(somebody, 2, *sent) == 2
        somebody.commit()
        answers = [one.result() for one in sent]
    assert [told(answer) for answer in answers] == [
        [f"{UPDATED} The current warehouse is {house.name} now."] for _client, house in moves
    ]
    assert site.both.assignments.filter(is_active=True).count() == 1
    assert site.both.assignments.count() == 2


@committed
def test_one_manager_assigns_while_another_takes_away_and_nothing_is_lost(
    site: Site, make_user: Callable[..., User]
) -> None:
    """Each of them changes their own warehouse alone."""
    other = confined(make_user("otto.confined@example.test"), roles.SITE_MANAGER, site.other)
    second = Warehouse.objects.create(name="Second Hall")
    ManagedWarehouse.objects.set_for(site.manager, add=[second], remove=[])
    with beside() as start, colleague() as somebody:
        somebody.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [site.both.pk])
        assigns = start(signed_in(site.manager).post, page_of(site.both), {"assign": second.pk})
        takes = start(signed_in(other).post, page_of(site.both), {"deassign": site.other.pk})
        assert wait_until_blocked(somebody, 2, assigns, takes) == 2
        somebody.commit()
        assert told(assigns.result()) == [f"{UPDATED} 1 assigned, 0 deassigned."]
        assert told(takes.result())[0].startswith(f"{UPDATED} 0 assigned, 1 deassigned.")
    assert set(site.both.assignments.values_list("warehouse__name", flat=True)) == {"Own Hall", "Second Hall"}


def writes(site: Site) -> dict[str, tuple[str, dict[str, Any], str]]:
    """What → its path, what is sent, and the lock at which it waits."""
    chosen = {"_selected_action": site.both_own.pk, "index": "0", "post": "yes"}
    person = f"SELECT FROM users_user WHERE id = {site.both.pk} FOR UPDATE"
    row = f"SELECT FROM warehouses_warehouse WHERE id = {site.own.pk} FOR UPDATE"
    of_warehouse = reverse("admin:assignments_assign_people", args=[site.own.uuid])
    return {
        "make active": (page_of(site.both), {"current": site.own.pk}, person),
        "deassign": (page_of(site.both), {"deassign": site.own.pk}, person),
        "deassign people": (of_warehouse, {"deassign": site.both.pk}, person),
        "activate chosen": (LIST, {"action": "activate_chosen", **chosen}, person),
        "delete chosen": (LIST, {"action": "delete_selected", **chosen}, person),
        "delete one": (f"{LIST}{site.both_own.pk}/delete/", {"post": "yes"}, person),
        "set a period": (f"{LIST}set-period/", {"rows": site.both_own.pk, "from_day": "2026-01-01"}, person),
        "delete the warehouse": (f"/admin/warehouses/warehouse/{site.own.pk}/delete/", {"name": "Own Hall"}, row),
    }


@committed
def test_a_manager_who_loses_the_warehouse_while_they_write_has_written_nothing(site: Site) -> None:
    member(site.manager, roles.WAREHOUSE_MANAGER, roles.SITE_MANAGER)
    before = snapshot()
    for what, (path, form, lock) in writes(site).items():
        client = signed_in(site.manager)
        with beside() as start, colleague() as somebody:
            somebody.execute(lock)
            request = start(client.post, path, form)
            assert wait_until_blocked(somebody, 1, request) == 1, what
            somebody.execute("DELETE FROM assignments_managedwarehouse WHERE user_id = %s", [site.manager.pk])
            somebody.commit()
            answer = request.result()
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/"), what
        assert [str(message) for message in client.get("/admin/").context["messages"]] == REFUSED, what
        ManagedWarehouse.objects.set_for(site.manager, add=[site.own], remove=[])
        now = snapshot()
        for rows in (before, now):
            rows.pop("users_user", None)  # signing in
        assert now == before, what


@committed
def test_the_same_of_a_manager_who_loses_nothing_is_written(site: Site) -> None:
    member(site.manager, roles.WAREHOUSE_MANAGER, roles.SITE_MANAGER)
    for what in ("make active", "set a period", "deassign"):
        path, form, _lock = writes(site)[what]
        assert REFUSED[0] not in told(signed_in(site.manager).post(path, form))
    assert not WarehouseUserAssignment.objects.filter(pk=site.both_own.pk).exists()
