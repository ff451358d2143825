"""Two people at one assign page at once: each is told what the other has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from assignments.models import WarehouseUserAssignment
from config.back_office.periods import beginning_of
from config.database.periods import Period
from tests.support.back_office.assign_page import events, said, staff
from tests.support.back_office.history import change_set
from users.models import User
from warehouses.models import Warehouse

PERIODS = "/admin/assignments/warehouseuserassignment/set-period/"


@pytest.fixture
def as_olive(olive: User) -> Client:
    return staff(olive, "view", "add", "change", "delete")


@pytest.fixture
def as_nora(make_user: Callable[..., User]) -> Client:
    return staff(make_user("nora.night@example.test"), "view", "add", "change", "delete")


@pytest.fixture
def url(pat: User) -> str:
    return reverse("admin:assignments_assign_warehouses", args=[pat.uuid])


def test_two_who_edit_at_once_lose_nothing_and_both_see_a_message(
    as_olive: Client, as_nora: Client, url: str, pat: User, north: Warehouse, river: Warehouse
) -> None:
    seen = as_olive.get(url).context["seen"]
    assert as_nora.get(url).context["seen"] == seen

    as_nora.post(url, {"assign": river.pk, "seen": seen})
    answer = as_olive.post(url, {"assign": north.pk, "seen": seen})

    assert {row.warehouse.name for row in pat.assignments.all()} == {"North Dock", "River Annex"}
    assert said(answer)[1:] == ["Meanwhile “River Annex” was also assigned by nora.night@example.test."]
    after_hers = events().get(warehouse_id=river.pk).pgh_id
    told = as_nora.get(f"{url}changes/", {"seen": after_hers}).json()
    assert told["changes"] == ["Meanwhile “North Dock” was also assigned by olive.office@example.test."]
    assert as_nora.get(f"{url}changes/", {"seen": told["seen"]}).json()["changes"] == []


def test_a_changed_period_and_a_renewal_are_told_too(
    as_olive: Client, as_nora: Client, olive: User, url: str, pat: User, north: Warehouse, river: Warehouse
) -> None:
    """An activation is not: the list shows it at once, and it takes nothing from whoever selects."""
    over = Period(ends_at=beginning_of(date(2020, 1, 1)))
    rows = WarehouseUserAssignment.objects
    rows.set_warehouses(pat, add=[north], remove=[])
    rows.set_warehouses(pat, add=[river], remove=[], period=over)
    seen = as_olive.get(url).context["seen"]

    row = rows.get(warehouse=north)
    row.activate()
    assert as_olive.get(f"{url}changes/", {"seen": seen}).json()["changes"] == []
    as_nora.post(PERIODS, {"rows": row.pk, "from_day": "2020-11-30", "until_day": "2120-12-13"})
    as_nora.post(url, {"assign": river.pk})
    with change_set(olive):
        row.set_period(starts_at=None, ends_at=None)
        rows.set_periods({(pat.pk, river.pk): over})

    expected = [
        "Meanwhile the period of “North Dock” was changed by nora.night@example.test: 30 Nov 2020 – 13 Dec 2120.",  # noqa: RUF001
        "Meanwhile “River Annex” was also assigned by nora.night@example.test.",
        "Meanwhile the period of “North Dock” was changed by olive.office@example.test: unlimited.",
        "Meanwhile the period of “River Annex” was changed by olive.office@example.test: until 31 Dec 2019.",
    ]
    assert as_olive.get(f"{url}changes/", {"seen": seen}).json()["changes"] == expected
    assert said(as_olive.post(url, {"seen": seen}))[1:] == expected
