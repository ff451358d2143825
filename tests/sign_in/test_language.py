"""Everybody in the Back Office chooses their language in the account menu, on any page, and stays there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from users.models import User

PATH = "/admin/language/"


def choose(browser: Client, page: str) -> Any:
    """German, on this page."""
    return browser.post(PATH, {"language": "de_DE"}, headers={"Referer": page})


def test_the_menu_of_every_page_offers_the_languages_in_their_own_words(as_olive_office: Client) -> None:
    page = as_olive_office.get("/admin/users/user/?q=pat").content.decode()
    assert f'<form method="post" action="{PATH}"' in page
    assert '<button type="submit" name="language" value="en_US" lang="en" aria-current="true">English</button>' in page
    assert '<button type="submit" name="language" value="de_DE" lang="de">Deutsch</button>' in page


def test_a_choice_is_kept_and_leads_back_to_the_page(as_olive_office: Client, olive: User) -> None:
    answer = choose(as_olive_office, "http://testserver/admin/users/user/?q=pat")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/users/user/?q=pat")
    assert User.objects.get(pk=olive.pk).language == "de_DE"
    assert "Benutzer" in as_olive_office.get("/admin/users/user/").content.decode()


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example.test/",
        "//evil.example.test/",
        "http://testserver//evil.example.test/",
        "javascript:alert(1)",
        "",
    ],
)
def test_it_leads_nowhere_else(as_olive_office: Client, page: str) -> None:
    answer = choose(as_olive_office, page)
    assert answer.headers["Location"] == "/admin/"


def test_an_unknown_language_is_refused(as_olive_office: Client, nothing_changes: Any) -> None:
    with nothing_changes():
        assert as_olive_office.post(PATH, {"language": "xx"}).status_code == 404


def test_it_is_no_link(as_olive_office: Client, nothing_changes: Any) -> None:
    with nothing_changes():
        assert as_olive_office.get(PATH, {"language": "de_DE"}).status_code == 405


def test_who_is_not_signed_in_is_asked_to(client: Client, olive: User, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = client.post(PATH, {"language": "de_DE"})
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.fixture
def as_olive_office(olive: User) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    browser = Client()
    browser.force_login(olive)
    return browser
