"""A person takes back what was changed, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from assignments.models import WarehouseUserAssignment
from tests.support.back_office.accessibility import faults
from tests.support.back_office.history import change_set
from users.models import User
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db(transaction=True)


def _change(first: User, then: User, row: WarehouseUserAssignment, north: Warehouse) -> None:
    with change_set(first):
        User.objects.filter(pk=row.user_id).update(first_name="Patricia", last_name="Packer")
        WarehouseUserAssignment.objects.set_warehouses(row.user, add=[north], remove=[])
        row.activate()
    with change_set(then):
        User.objects.filter(pk=row.user_id).update(last_name="Loader")


@pytest.mark.parametrize(("width", "language"), [(1440, "en_US"), (390, "de_DE")])
def test_changes_are_looked_at_and_undone(
    open_page: Callable[..., Page],
    olive: User,
    ada: User,
    pat: User,
    north: Warehouse,
    pat_river: WarehouseUserAssignment,
    width: int,
    language: str,
) -> None:
    _change(ada, olive, pat_river, north)
    User.objects.filter(pk=olive.pk).update(is_superuser=True, language=language)
    olive.refresh_from_db()
    page = open_page(olive, viewport={"width": width, "height": 900})
    undo, together, done = {
        "en_US": ("Undo", "Changed together", "3 changes were undone."),
        "de_DE": ("Rückgängig", "Zusammen geändert", "3 Änderungen wurden rückgängig gemacht."),
    }[language]

    page.goto(f"/admin/users/user/{pat.pk}/history/")
    page.get_by_role("link", name=together).nth(1).click()
    page.get_by_role("link", name=undo, exact=True).click()
    expect(page.get_by_text("Patricia")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name=undo, exact=True).click()

    expect(page.get_by_text(done)).to_be_visible()
    assert faults(page) == []
    assert User.objects.get(pk=pat.pk).get_full_name() == "Pat Loader"
    assert [row.warehouse.name for row in WarehouseUserAssignment.objects.all()] == ["River Annex"]
