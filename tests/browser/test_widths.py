"""On a laptop and on a tablet, every row of a list is in sight to its end, where its buttons are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import sign_in
from tests.support.back_office.lines import LANGUAGES
from users.models import Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

LISTS = (
    "users_user",
    "users_session",
    "users_auditevent",
    "users_client",
    "warehouses_warehouse",
    "assignments_warehouseuserassignment",
)
WIDTHS = (1440, 820)
HIDDEN = """() => {
    const list = document.querySelector("#result_list"), frame = list.parentElement;
    return [list.scrollWidth - frame.clientWidth, document.body.scrollWidth - window.innerWidth];
}"""


@pytest.fixture
def crowd(live_server: object, pat: User) -> None:
    """People with long names, with a current warehouse with a long one; an open session and one that was ended."""
    User.objects.filter(pk=pat.pk).update(
        email="maximiliana.hohenstein@lager.example.test", last_login="2026-03-01T12:00Z"
    )
    person = User.objects.get(pk=pat.pk)
    warehouse = Warehouse.objects.create(name="Distribution centre north of the river, hall 12")
    WarehouseUserAssignment.objects.set_warehouses(person, add=[warehouse], remove=[])
    person.assignments.get().activate()
    for _ in range(2):
        sign_in(person.email)
    Session.objects.update(address="2001:db8:85a3:1319:8a2e:370:7348:abcd")
    Session.objects.latest("id").end("ended in the Back Office")


@pytest.mark.drill
def test_a_list_shows_its_rows_to_their_end(
    open_page: Callable[..., Page], olive: User, crowd: None, whole: bool
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    page = open_page(olive, viewport={"width": WIDTHS[0], "height": 900})
    hidden: dict[tuple[str, str, int], list[int]] = {}
    for language, name in product(LANGUAGES[whole], LISTS):
        User.objects.filter(pk=olive.pk).update(language=language)
        page.goto(reverse(f"admin:{name}_changelist"))
        if page.locator("#result_list").count():
            hidden |= {(language, name, width): _hidden_at(page, width) for width in WIDTHS}
    assert {place: pixels for place, pixels in hidden.items() if max(pixels) > 0} == {}
    assert len(hidden) >= 5 * len(WIDTHS) * len(LANGUAGES[whole])


def _hidden_at(page: Page, width: int) -> list[int]:
    """How many pixels of the rows and of the page are out of sight. The page is loaded once for all widths."""
    page.set_viewport_size({"width": width, "height": 900})
    pixels: list[int] = page.evaluate(HIDDEN)
    return pixels


def test_a_long_email_stays_on_its_line_in_the_head_of_a_phone(
    open_page: Callable[..., Page], olive: User, pat: User
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    User.objects.filter(pk=pat.pk).update(email=f"{'long.' * 12}name@departments.example.test")
    page = open_page(olive, viewport={"width": 390, "height": 844})
    page.goto(reverse("admin:users_user_view", args=[pat.pk]))
    name = page.locator("#header-inner h1 .email")
    assert name.locator("wbr").count() > 12
    box = name.bounding_box()
    assert box is not None
    assert box["height"] < 30
