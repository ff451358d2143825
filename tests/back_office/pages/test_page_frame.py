"""What all pages of the Back Office share: the way that leads to them, and the words where there is nothing to show."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from tests.support.api.client import sign_in
from users.models import User
from warehouses.models import Warehouse


def way(browser: Client, path: str) -> list[str]:
    """The words above a page that say where one is."""
    page = browser.get(path).content.decode()
    parts = re.findall(
        r'<(?:a|span)[^>]* class="align-middle inline-block leading-5 min-w-0[^>]*>\s*([^<]*?)\s*<', page
    )
    return [unescape(part) for part in parts]


def test_the_way_to_a_page_names_each_step_once_and_names_as_they_are_written(
    as_ada: Client, pat: User, north: Warehouse
) -> None:
    Warehouse.objects.filter(pk=north.pk).update(name="north dock")
    assert way(as_ada, "/admin/") == ["Dashboard"]
    assert way(as_ada, "/admin/users/user/") == ["Users"]
    assert way(as_ada, "/admin/users/session/") == ["Sessions"]
    assert way(as_ada, f"/admin/users/user/{pat.pk}/change/") == ["Users", pat.email]
    assert way(as_ada, f"/admin/warehouses/warehouse/{north.pk}/change/") == ["Warehouses", "north dock"]


@pytest.mark.parametrize(
    ("language", "nothing_yet", "nothing_matches", "reset"),
    [
        (
            "en_US",
            "There is nothing here yet.",
            "Nothing matches the search and the filters.",
            "Reset search and filters",
        ),
        ("de_DE", "Hier steht noch nichts.", "Zu Suche und Filtern passt nichts.", "Suche und Filter zurücksetzen"),
    ],
)
def test_an_empty_list_says_whether_something_was_sought(
    as_ada: Client, pat: User, language: str, nothing_yet: str, nothing_matches: str, reset: str
) -> None:
    User.objects.filter(is_superuser=True).update(language=language)
    sessions = "/admin/users/session/"
    page = as_ada.get(sessions).content.decode()
    assert (nothing_yet in page, nothing_matches in page, reset in page) == (True, False, False)
    sign_in(pat.email)
    page = as_ada.get(sessions, {"q": "nobody"}).content.decode()
    assert (nothing_yet in page, nothing_matches in page, reset in page) == (False, True, True)
