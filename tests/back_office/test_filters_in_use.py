"""Above a list stand its search and filters, each with a link that removes it and keeps the others."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.admin import ModelAdmin, site
from django.test import Client
from django.urls import reverse

from tests.support.cases import each

LIST = "/admin/users/user/"


def chips(browser: Client, path: str, query: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """What each chip says to a screen reader → the parameters of its link."""
    page = browser.get(path, query).content.decode()
    found = re.findall(r'<a class="chip" href="\?([^"]*)" aria-label="([^"]*)"', page)
    return {unescape(label): parse_qs(unescape(link)) for link, label in found}


def test_each_removes_itself_and_keeps_the_others_and_the_order(as_ada: Client, pat: Any, sam: Any) -> None:
    query = {"q": "p", "kind": "warehouse", "status": "active", "o": "1"}
    assert chips(as_ada, LIST, query) == {
        "Remove the search: p": {"kind": ["warehouse"], "status": ["active"], "o": ["1"]},
        "Remove the filter: Status: Active": {"q": ["p"], "kind": ["warehouse"], "o": ["1"]},
        "Remove the filter: Kind of user: Warehouse users": {"q": ["p"], "status": ["active"], "o": ["1"]},
    }


def test_a_list_that_shows_everything_has_none(as_ada: Client) -> None:
    assert chips(as_ada, LIST, {"o": "-1"}) == {}


@pytest.mark.parametrize("text", ["<b>&\"'", "%", "ü"])
def test_what_was_typed_is_shown_as_it_is(as_ada: Client, text: str) -> None:
    assert f"Remove the search: {text}" in chips(as_ada, LIST, {"q": text})


def test_a_filter_by_a_row_is_named_by_it(as_ada: Client, pat_north: Any) -> None:
    rows = "/admin/assignments/warehouseuserassignment/"
    found = chips(as_ada, rows, {"warehouse__id__exact": pat_north.warehouse_id, "q": "pat"})
    assert found == {
        "Remove the search: pat": {"warehouse__id__exact": [str(pat_north.warehouse_id)]},
        "Remove the filter: Warehouse: North Dock": {"q": ["pat"]},
    }


ASSIGNMENTS = "/admin/assignments/warehouseuserassignment/"


def options(browser: Client, path: str, name: str) -> list[tuple[str, bool]]:
    """The radio buttons of a filter: label, and whether it is chosen."""
    page = browser.get(path).content.decode()
    found = re.findall(rf'<input type="radio" name="{name}"[^>]*?( checked)?>\s*<span[^>]*>([^<]*)</span>', page)
    return [(unescape(label), bool(checked)) for checked, label in found]


def test_a_filter_shows_its_choice(as_ada: Client) -> None:
    assert options(as_ada, ASSIGNMENTS, "is_active__exact") == [("All", True), ("Yes", False), ("No", False)]
    chosen = options(as_ada, f"{ASSIGNMENTS}?is_active__exact=0", "is_active__exact")
    assert chosen == [("All", False), ("Yes", False), ("No", True)]


def test_a_filter_shows_on_request_how_many_rows_each_option_has(
    as_ada: Client, pat_north: Any, pat_river: Any
) -> None:
    pat_north.activate()
    shown = options(as_ada, f"{ASSIGNMENTS}?_facets=True", "is_active__exact")
    assert shown == [("All", True), ("Yes (1)", False), ("No (1)", False)]


def test_an_unknown_choice_is_none_of_the_options(as_ada: Client) -> None:
    assert {chosen for _label, chosen in options(as_ada, f"{LIST}?kind=nonsense", "kind")} == {False}


@each("admin", [found for found in site._registry.values() if found.list_filter])
def test_chosen_filters_can_be_applied(as_ada: Client, admin: ModelAdmin[Any]) -> None:
    page = as_ada.get(reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")).content.decode()
    form = page.partition('<form id="filter-form" method="get"')[2].partition("</form>")[0]
    assert "<input" in form
    assert 'type="submit"' in form
