"""Whoever comes to a page from a list finds the list as it was: search, filters, order and page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from users.models import User
from warehouses.models import Warehouse

PEOPLE, HOUSES = "/admin/users/user/", "/admin/warehouses/warehouse/"
FOUND_PEOPLE, FOUND_HOUSES = f"{PEOPLE}?q=p&kind=warehouse&o=2", f"{HOUSES}?q=north&o=-2"


def links(browser: Client, path: str) -> set[str]:
    """Of the content of a page, without the menu."""
    page = browser.get(path).content.decode()
    assert 'id="content"' in page
    return {unescape(link) for link in re.findall(r'href="([^"]*)"', page.split('id="content"')[1])}


def found(browser: Client, path: str, part: str) -> str:
    """The only link on a page that leads to this page."""
    found = {link for link in links(browser, path) if re.search(rf"{part}(?:\?|$)", link)}
    assert len(found) == 1, found
    return found.pop()


def values(browser: Client, path: str) -> dict[str, Any]:
    """A form as the page shows it."""
    form = browser.get(path).context["adminform"].form
    initial = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: value for name, value in initial.items() if value not in (None, "", [])}


@pytest.mark.parametrize("part", [f"{PEOPLE}{{pk}}/change/", f"{PEOPLE}{{pk}}/delete/", "/user/{uuid}/"])
def test_from_the_list_of_people_and_back(as_ada: Client, pat: User, part: str) -> None:
    path = found(as_ada, FOUND_PEOPLE, part.format(pk=pat.pk, uuid=pat.uuid))
    page = as_ada.get(path).content.decode()
    assert FOUND_PEOPLE in unescape(page)


def test_a_person_is_edited_and_the_search_stays(as_ada: Client, pat: User) -> None:
    path = found(as_ada, FOUND_PEOPLE, f"{PEOPLE}{pat.pk}/change/")
    answer = as_ada.post(path, values(as_ada, path) | {"last_name": "Picker-Jones"})
    assert (answer.status_code, answer["Location"]) == (302, FOUND_PEOPLE)
    pat.refresh_from_db()
    assert pat.last_name == "Picker-Jones"


def test_a_person_is_deleted_from_their_page_and_the_search_stays(as_ada: Client, pat: User) -> None:
    page = found(as_ada, FOUND_PEOPLE, f"{PEOPLE}{pat.pk}/change/")
    path = found(as_ada, page, f"{PEOPLE}{pat.pk}/delete/")
    assert FOUND_PEOPLE in links(as_ada, path)
    assert as_ada.post(path)["Location"] == FOUND_PEOPLE


@pytest.mark.parametrize("button", ["sign-out", "unlock-sign-in", "reset-two-factor"])
def test_a_button_of_a_persons_page_keeps_the_way(as_ada: Client, pat: User, button: str) -> None:
    page = f"{PEOPLE}{pat.pk}/view/?{urlencode({'_changelist_filters': 'q=p'})}"
    answer = as_ada.post(page.replace("view", button, 1))
    assert (answer.status_code, answer["Location"]) == (302, page)


def test_assigning_keeps_the_way(as_ada: Client, pat: User, north: Warehouse) -> None:
    path = found(as_ada, FOUND_PEOPLE, f"/user/{pat.uuid}/")
    saved = as_ada.post(path, {"assign": north.pk})["Location"]
    assert WarehouseUserAssignment.objects.filter(user=pat, warehouse=north).exists()
    assert FOUND_PEOPLE in unescape(as_ada.get(saved).content.decode())


@pytest.mark.parametrize("action", ["view", "edit", "people"])
def test_from_the_list_of_warehouses_and_back(as_ada: Client, north: Warehouse, action: str) -> None:
    path = found(as_ada, FOUND_HOUSES, f"{HOUSES}{north.pk}/{action}/")
    page = as_ada.get(path, follow=True).content.decode()
    assert FOUND_HOUSES in unescape(page)


def test_a_warehouse_is_edited_or_deleted_and_the_search_stays(as_ada: Client, north: Warehouse) -> None:
    seen = found(as_ada, FOUND_HOUSES, f"{HOUSES}{north.pk}/view/")
    path = found(as_ada, seen, f"{HOUSES}{north.pk}/change/")
    assert as_ada.post(path, values(as_ada, path) | {"note": "New gate"})["Location"] == FOUND_HOUSES
    path = found(as_ada, seen, f"{HOUSES}{north.pk}/delete/")
    assert as_ada.post(path)["Location"] == FOUND_HOUSES


@pytest.mark.parametrize("text", ["q=%00", "a&b&=c", "https://evil.example.test/", "\r\nX: y", "%", "é=ü"])
def test_a_way_back_that_makes_no_sense_does_no_harm(as_ada: Client, pat: User, text: str) -> None:
    query = urlencode({"_changelist_filters": text})
    assert as_ada.get(f"{PEOPLE}{pat.pk}/delete/?{query}").status_code == 200
    answer = as_ada.post(f"{PEOPLE}{pat.pk}/delete/?{query}")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{PEOPLE}?")
