"""Demo data: named people to try the product with, and as many rows as asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db.models import Count, Q
from django.test import Client as Browser

from assignments import demo
from assignments.models import WarehouseUserAssignment
from config import installation
from tests.conftest import snapshot
from tests.support.api.client import sign_in
from users.models import User
from users.models.oauth.client import Client
from users.oauth.tokens import AccessToken
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db

#: People, warehouses and assignments that are always loaded.
NAMED = (11, 3, 17)
FEW = ("--users=30", "--warehouses=7", "--assignments=100")


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the trial, where the database is nobody else's."""
    monkeypatch.delenv("DATABASE_URL", raising=False)


def load(*arguments: str) -> None:
    call_command("demo", *arguments)


def scopes_of(username: str) -> list[str]:
    """What the token that this person signs in with allows."""
    return AccessToken(sign_in(username)["access_token"]).scopes


def counts() -> tuple[int, int, int]:
    return User.objects.count(), Warehouse.objects.count(), WarehouseUserAssignment.objects.count()


def test_the_named_people_can_sign_in_and_do_what_their_kind_may() -> None:
    load()

    assert scopes_of("olive.office@example.test") == ["user", "back-office-user"]
    assert scopes_of("pat.picker@example.test") == ["user", "warehouse-user"]


def test_loads_eleven_people_three_warehouses_and_their_assignments() -> None:
    load()

    assert counts() == NAMED
    assert list(Warehouse.objects.filter(is_active=False).values_list("name", flat=True)) == ["Old Mill"]


def test_the_site_manager_sees_one_warehouse() -> None:
    load()
    rita = User.objects.get(email=demo.SITE_MANAGER)
    assert [place.name for place in Warehouse.objects.visible_to(rita)] == ["River Annex"]
    assert scopes_of(rita.email) == ["user", "back-office-user"]


def test_the_first_dashboard_shows_people_at_work_and_sign_ins_of_the_last_days(client: Browser) -> None:
    load()
    cache.clear()
    client.force_login(User.objects.get(email="olive.office@example.test"))
    page = client.get("/admin/").context
    assert {place.name for place in page["places"]} == {"North Dock", "River Annex"}
    assert page["working"] == 7
    assert sum(day.sign_ins > 0 for day in page["days"]) >= 12
    assert page["open_sessions"] > 0


def test_colleagues_have_worked_elsewhere_before() -> None:
    load()
    rows: Any = WarehouseUserAssignment
    activated = rows.pgh_event_model.objects.filter(is_active=True).values_list("user", "warehouse").distinct()
    assert sorted(Counter(user for user, _warehouse in activated).values()) == [2] * 7


def test_loads_as_many_more_rows_as_asked_for() -> None:
    load(*FEW)

    assert counts() == tuple(map(sum, zip(NAMED, (30, 7, 100), strict=True)))


def test_nobody_works_in_two_warehouses_now_and_four_in_five_work_in_one() -> None:
    load(*FEW)

    loaded = User.objects.filter(email__regex=r"^picker\.\d+@example\.test$")
    active = loaded.annotate(active=Count("assignments", filter=Q(assignments__is_active=True)))
    assert sorted(active.values_list("active", flat=True)) == [0] * 6 + [1] * 24


def test_the_people_loaded_are_warehouse_users_who_can_sign_in() -> None:
    load(*FEW)

    assert scopes_of("picker.0000007@example.test") == ["user", "warehouse-user"]


@pytest.mark.parametrize("arguments", [(), FEW])
def test_repeating_adds_nothing(arguments: tuple[str, ...]) -> None:
    load(*arguments)
    before = snapshot()

    load(*arguments)

    assert snapshot() == before


def test_a_load_that_was_cut_short_is_completed_by_the_next() -> None:
    load(*FEW)
    whole = set(WarehouseUserAssignment.objects.values_list("user__email", "warehouse__name", "is_active"))
    User.objects.filter(email__gte="picker.0000020", email__lt="picker.1").delete()
    WarehouseUserAssignment.objects.filter(warehouse__name="Warehouse 00003").delete()

    load(*FEW)

    assert counts() == tuple(map(sum, zip(NAMED, (30, 7, 100), strict=True)))
    assert set(WarehouseUserAssignment.objects.values_list("user__email", "warehouse__name", "is_active")) == whole


def test_people_with_similar_addresses_are_left_alone(make_user: Any) -> None:
    make_user("picker.anne@example.test")
    Warehouse.objects.create(name="Warehouse of Anne")

    load(*FEW)

    assert not WarehouseUserAssignment.objects.filter(user__email="picker.anne@example.test").exists()
    assert not WarehouseUserAssignment.objects.filter(warehouse__name="Warehouse of Anne").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--users=-1",), "Error: argument --users: '-1' is not a whole number, 0 or more"),
        (("--users=many",), "Error: argument --users: 'many' is not a whole number, 0 or more"),
        (("--assignments=1",), "0 users and 0 warehouses make at most 0 assignments."),
        (
            ("--users=2", "--warehouses=3", "--assignments=7"),
            "2 users and 3 warehouses make at most 6 assignments.",
        ),
    ],
)
def test_impossible_numbers_are_refused(nothing_changes: Any, arguments: tuple[str, ...], message: str) -> None:
    with nothing_changes(), pytest.raises(CommandError) as refusal:
        load(*arguments)

    assert str(refusal.value) == message


def test_a_real_database_is_left_alone_by_default(nothing_changes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", installation.database_url())

    with nothing_changes(), pytest.raises(CommandError) as refusal:
        load()

    assert str(refusal.value) == (
        "This would create a superuser with a public password in the database of DATABASE_URL. "
        "If that is what you want, repeat it with --force."
    )


def test_a_real_database_gets_it_with_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", installation.database_url())

    load("--force")

    assert counts() == NAMED


def test_the_demo_service_may_ask_about_tokens() -> None:
    load()
    load()
    client = Client.objects.get()
    assert (client.client_id, client.is_confidential, client.check_client_secret(demo.PASSWORD)) == (
        "picking",
        True,
        True,
    )
