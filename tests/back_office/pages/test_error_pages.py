"""Refused requests get a page in the reader's language: what happened, and a way back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import translation

from users.models import User
from warehouses.models import Warehouse

USERS = "/admin/users/user/"
HERE = {"Referer": f"http://testserver{USERS}?q=pat&p=2"}
BACK = f'href="{USERS}?q=pat&amp;p=2"'


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language active."""
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("language", "title", "way_back"),
    [
        ("en_US", "You may not do this", "Back to the page before"),
        ("de_DE", "Das dürfen Sie nicht", "Zurück zur vorigen Seite"),
    ],
)
def test_403(olive: User, language: str, title: str, way_back: str) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    office = Client()
    office.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    answer = office.get("/admin/auth/group/add/", headers=HERE)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert f"<h1>{title}</h1>" in page
    assert (way_back in page, BACK in page, 'href="/admin/"' in page, olive.email in page) == (True, True, True, True)
    assert f'lang="{language[:2]}"' in page
    assert way_back not in office.get("/admin/auth/group/add/").content.decode()


@pytest.mark.parametrize(
    ("language", "title"), [("en_US", "This page does not exist"), ("de_DE", "Diese Seite gibt es nicht")]
)
def test_404(as_ada: Client, language: str, title: str) -> None:
    User.objects.filter(is_superuser=True).update(language=language)
    answer = as_ada.get("/admin/no-such-page/", headers=HERE)
    assert (answer.status_code, f"<h1>{title}</h1>" in answer.content.decode()) == (404, True)
    assert BACK in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "title", "way_back"),
    [
        ("en_US", "Nothing was saved", "Show the form again"),
        ("de_DE", "Es wurde nichts gespeichert", "Formular wieder anzeigen"),
    ],
)
def test_csrf_failure(olive: User, language: str, title: str, way_back: str) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.post(f"{USERS}add/", headers=HERE).content.decode()
    assert f"<h1>{title}</h1>" in page
    assert (way_back in page, BACK in page, olive.email in page) == (True, True, True)


def test_csrf_failure_of_somebody_who_is_signed_out() -> None:
    answer = Client(enforce_csrf_checks=True).post(f"{USERS}add/", headers={"Accept-Language": "de"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Anmelden und Formular wieder anzeigen" in page
    assert f'href="{USERS}add/"' in page


@pytest.mark.parametrize(
    "referer", ["https://evil.example.test/admin/", "javascript:alert(1)", "http://testserver/docs", "http://[", ""]
)
def test_the_way_back_leads_to_the_back_office_only(as_ada: Client, referer: str) -> None:
    page = as_ada.get("/admin/no-such-page/", headers={"Referer": referer}).content.decode()
    assert "Back to the page before" not in page
    assert "evil.example" not in page


def test_a_form_sent_after_the_end_of_the_session_leads_back_to_its_page(north: Warehouse) -> None:
    answer = Client().post(f"{USERS}1/switch/deactivate/", headers=HERE)
    assert answer["Location"] == "/admin/login/?next=/admin/users/user/%3Fq%3Dpat%26p%3D2"
