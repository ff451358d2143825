"""Staff save a search of a list under a name of their own, and open it again from the menu."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.support.back_office.staff import told
from users.admin.saved_searches import MAX_SEARCHES
from users.models import SavedSearch, User

PAGE = "/admin/searches/"
LIST = "/admin/users/user/"
QUERY = "o=-1&q=m%C3%BCller&status=blocked"


def saved(name: str = "Blocked Müllers", **changes: str) -> dict[str, str]:
    return {"name": name, "kind": "users.user", "query": QUERY} | changes


def links(browser: Client) -> dict[str, str]:
    page = browser.get(PAGE).content.decode()
    return {
        unescape(name): unescape(url) for url, name in re.findall(r'<a class="text-link" href="([^"]+)">([^<]+)', page)
    }


def test_a_list_offers_to_save_its_search(as_ada: Client) -> None:
    page = as_ada.get(f"{LIST}?{QUERY}").content.decode()
    (link,) = re.findall(r'<a class="chip chip-save" href="([^"]+)"', page)
    form = as_ada.get(unescape(link)).context["form"]
    assert form.initial == {"kind": "users.user", "query": QUERY}
    assert "chip-save" not in as_ada.get(LIST).content.decode()


def test_saving_leads_to_the_list_and_the_menu_to_the_search(as_ada: Client) -> None:
    answer = as_ada.post(PAGE, saved())
    assert answer.headers["Location"] == f"{LIST}?{QUERY}"
    assert told(answer) == ["The search “Blocked Müllers” is saved."]
    assert links(as_ada) == {"Blocked Müllers": f"{LIST}?{QUERY}"}
    assert as_ada.get(f"{LIST}?{QUERY}").status_code == 200


def test_the_same_name_replaces_what_was_saved_under_it(as_ada: Client) -> None:
    as_ada.post(PAGE, saved())
    as_ada.post(PAGE, saved(query="q=weber"))
    assert links(as_ada) == {"Blocked Müllers": f"{LIST}?q=weber"}


def test_a_search_is_deleted(as_ada: Client) -> None:
    as_ada.post(PAGE, saved())
    as_ada.post(PAGE, {"delete": SavedSearch.objects.get().pk})
    assert links(as_ada) == {}


def test_nobody_sees_or_deletes_those_of_others(as_ada: Client, as_manager: Client) -> None:
    as_ada.post(PAGE, saved())
    assert links(as_manager) == {}
    as_manager.post(PAGE, {"delete": SavedSearch.objects.get().pk})
    assert SavedSearch.objects.count() == 1


def test_the_search_of_a_list_that_one_may_see_no_more_is_not_offered(as_manager: Client, manager: User) -> None:
    as_manager.post(PAGE, saved())
    manager.groups.clear()
    assert links(as_manager) == {}


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "x" * 101}, {"kind": "nobody.knows"}, {"kind": "users"}, {"query": "x" * 2_001}],
    ids=str,
)
def test_what_cannot_be_saved_is_refused_on_the_page(
    as_ada: Client, nothing_changes: Any, wrong: dict[str, str]
) -> None:
    with nothing_changes():
        page = as_ada.post(PAGE, saved(**wrong))
    assert (page.status_code, SavedSearch.objects.count()) == (200, 0)
    assert 'class="ask-error"' in page.content.decode()


def test_one_more_than_a_person_may_have_is_refused(as_ada: Client, ada: User) -> None:
    SavedSearch.objects.bulk_create(
        SavedSearch(user=ada, kind="users.user", name=f"No. {n}", query="q=x") for n in range(MAX_SEARCHES)
    )
    assert told(as_ada.post(PAGE, saved())) == ["You have 100 saved searches. Delete one first."]
    assert SavedSearch.objects.count() == MAX_SEARCHES
    as_ada.post(PAGE, saved("No. 7"))
    assert SavedSearch.objects.get(name="No. 7").query == QUERY


@pytest.mark.parametrize("key", ["x", "", "9" * 30, "-1"])
def test_what_is_not_there_is_not_deleted(as_ada: Client, key: str) -> None:
    assert as_ada.post(PAGE, {"delete": key}).status_code == 302
