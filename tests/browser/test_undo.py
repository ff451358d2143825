"""A person takes back what was changed, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Undo
from tests.support.back_office.accessibility import faults
from tests.support.back_office.history import change_set, last_change_set, undo_url
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]


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


@pytest.mark.parametrize(("width", "language"), [(1440, "en_US"), (390, "de_DE")])
def test_many_changes_are_listed_and_undone_beside_the_requests(
    open_page: Callable[..., Page],
    olive: User,
    ada: User,
    pat: User,
    north: Warehouse,
    pat_river: WarehouseUserAssignment,
    width: int,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("config.history.undo.pages.MAX_AT_ONCE", 1)
    _change(ada, olive, pat_river, north)
    User.objects.filter(pk=olive.pk).update(is_superuser=True, language=language)
    olive.refresh_from_db()
    page = open_page(olive, viewport={"width": width, "height": 900})
    see, undo, done, changed = {
        "en_US": ("See what can be undone", "Undo", "3 changes were undone.", "What that has changed"),
        "de_DE": (
            "Auflisten, was rückgängig gemacht werden kann",
            "Rückgängig",
            "3 Änderungen wurden rückgängig gemacht.",
            "Was dadurch geändert wurde",
        ),
    }[language]

    page.goto(undo_url(last_change_set(pat_river)))
    assert faults(page) == []
    page.get_by_role("button", name=see).click()
    expect(page.get_by_text("Patricia")).to_be_visible()
    assert faults(page) == []
    assert User.objects.get(pk=pat.pk).get_full_name() == "Patricia Loader"
    page.get_by_role("button", name=undo, exact=True).click()

    expect(page.get_by_role("status").filter(has_text=done)).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name=changed).click()
    expect(page.locator("table.history tbody tr")).not_to_have_count(0)
    assert User.objects.get(pk=pat.pk).get_full_name() == "Pat Loader"


def test_the_page_of_a_large_undo_shows_that_it_is_at_work_and_that_it_has_stopped(
    open_page: Callable[..., Page], ada: User, pat: User, north: Warehouse, pat_river: WarehouseUserAssignment
) -> None:
    _change(ada, ada, pat_river, north)
    job = Undo.objects.create(
        person=ada, operation=str(last_change_set(pat_river)), language="en", state=Undo.State.UNDOING
    )
    page = open_page(ada, viewport={"width": 390, "height": 900})
    page.goto(reverse("admin:undo_job", args=[job.pk]))
    expect(page.get_by_role("heading", name="Undoing the changes")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert faults(page) == []
    Undo.objects.update(state=Undo.State.STOPPED)
    expect(page.get_by_role("alert").filter(has_text="This has stopped, and nothing was undone")).to_be_visible()
