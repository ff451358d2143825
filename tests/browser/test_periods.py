"""Dates of assignments in a real browser: given while assigning, changed for one and for many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate
from playwright.sync_api import Page, expect

from assignments.models import WarehouseUserAssignment
from config.back_office.periods import period_of
from tests.support.waiting import past_midnight
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]

LIST = reverse("admin:assignments_warehouseuserassignment_changelist")
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


def day(number: int) -> date:
    return localdate() + timedelta(days=number)


def fill(page: Page, first: int | None, last: int | None) -> None:
    for label, number in (("From", first), ("Until (inclusive)", last)):
        page.get_by_label(label, exact=True).fill("" if number is None else day(number).isoformat())


@pytest.fixture
def desk(open_page: Callable[..., Page], olive: User) -> Callable[..., Page]:
    past_midnight()
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    olive.refresh_from_db()
    return lambda **options: open_page(olive, **options)


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desk", "phone"])
def test_somebody_is_assigned_for_some_days_and_then_for_more(
    desk: Callable[..., Page], pat: User, north: Warehouse, river: Warehouse, viewport: dict[str, int]
) -> None:
    page = desk(viewport=viewport)
    page.goto(reverse("admin:assignments_assign_warehouses", args=[pat.uuid]))
    _assign_for_two_weeks(page)
    (row,) = WarehouseUserAssignment.objects.all()
    assert row.period == period_of(day(3), day(16))

    assigned = page.locator("#assigned-tab")
    make_active = assigned.get_by_role("button", name="Make River Annex the active warehouse")
    expect(assigned).to_contain_text("(begins in 3 days)")
    expect(make_active).to_have_count(0)
    assigned.get_by_role("link", name="Set the period of River Annex").click()
    expect(page.get_by_label("From", exact=True)).to_have_value(day(3).isoformat())
    fill(page, 0, 1)
    page.get_by_role("button", name="Set period").click()
    expect(page.get_by_text("The period of 1 assignment was changed.")).to_be_visible()
    expect(assigned).to_contain_text("(ends tomorrow)")
    make_active.click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-current-now]")).to_have_text("River Annex")


def _assign_for_two_weeks(page: Page) -> None:
    """After the dates were the wrong way round; the selection is there again."""
    page.get_by_role("checkbox", name="Select River Annex").check()
    fill(page, 3, 2)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Until (inclusive): “Until” must not be before “From”.")).to_be_visible()
    expect(page.get_by_label("Until (inclusive)", exact=True)).to_have_value(day(2).isoformat())  # and the selection
    fill(page, 3, 16)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Warehouse user assignments are updated. 1 assigned")).to_be_visible()


def test_the_period_of_many_is_set_from_the_list(
    desk: Callable[..., Page], pat_north: WarehouseUserAssignment, sam_north: WarehouseUserAssignment
) -> None:
    page = desk(viewport=WIDE)
    page.goto(f"{LIST}?period=current")
    for box in page.locator("input.action-select").all():
        box.check()
    page.locator("select[name=action]").select_option("set_period_chosen")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Pat Picker (pat.picker@example.test) → North Dock: unlimited")).to_be_visible()
    fill(page, None, 5)
    page.get_by_role("button", name="Set period").click()
    expect(page.get_by_text("The periods of 2 assignments were changed.")).to_be_visible()
    expect(page.get_by_text("(ends in 5 days)")).to_have_count(2)
    assert page.url.endswith(f"{LIST}?period=current")
    assert {row.period for row in WarehouseUserAssignment.objects.all()} == {period_of(None, day(5))}
