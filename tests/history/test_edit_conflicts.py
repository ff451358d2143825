"""Two people at one form at once: nobody's work is lost unseen, and nobody meets a broken page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from django.test import Client

from tests.support.api.client import PASSWORD
from tests.support.back_office.staff import LIST, NEW_PASSWORD, member, person, signed_in, told
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.servers.live import live_server, patient_environment
from tests.support.waiting import MOST_SECONDS
from users.models import User
from warehouses.models import Warehouse

WAREHOUSES = "/admin/warehouses/warehouse/"
REFUSAL = (
    "This was changed meanwhile, so nothing was saved. What you typed is still here: save again to write it over "
    "these changes."
)


def seen(page: Any) -> str:
    """What the opened form carries of its row."""
    (found,) = re.findall(r'name="seen" value="(\d+)"', page.content.decode())
    return found


def words(page: Any) -> list[str]:
    """What the whole form is refused for."""
    assert page.status_code == 200
    return list(page.context["adminform"].form.non_field_errors())


@pytest.fixture
def path(pat: User) -> str:
    return f"{LIST}{pat.pk}/change/"


@pytest.fixture
def as_olive(olive: User) -> Client:
    return signed_in(member(olive, "Administrator"))


# --- One after the other ----------------------------------------------------------------------------------------
def test_a_save_over_a_newer_person_is_refused_and_shows_what_changed(
    as_manager: Client, manager: User, as_olive: Client, pat: User, path: str, nothing_changes: Any
) -> None:
    mine, theirs = seen(as_olive.get(path)), seen(as_manager.get(path))
    assert as_manager.post(path, person(pat, last_name="Packer", seen=theirs)).status_code == 302

    with nothing_changes():
        page = as_olive.post(path, person(pat, first_name="Patricia", seen=mine))

    lead, change = words(page)
    assert lead == REFUSAL
    assert re.fullmatch(rf"{manager.email}, .*: Last Name: Picker → Packer", change)
    for typed in ('value="Patricia"', 'value="Picker"'):
        assert typed in page.content.decode()


def test_saving_again_goes_through(as_manager: Client, as_olive: Client, pat: User, path: str) -> None:
    mine = seen(as_olive.get(path))
    as_manager.post(path, person(pat, last_name="Packer"))
    refused = as_olive.post(path, person(pat, first_name="Patricia", seen=mine))

    again = as_olive.post(path, person(pat, first_name="Patricia", seen=seen(refused)))

    assert told(again) == ["User was updated successfully."]
    pat.refresh_from_db()
    assert pat.get_full_name() == "Patricia Picker"


def test_a_third_change_is_shown_as_well(as_manager: Client, as_olive: Client, pat: User, path: str) -> None:
    mine = seen(as_olive.get(path))
    as_manager.post(path, person(pat, last_name="Packer"))
    refused = as_olive.post(path, person(pat, first_name="Patricia", seen=mine))
    as_manager.post(path, person(pat, last_name="Porter"))

    again = as_olive.post(path, person(pat, first_name="Patricia", seen=seen(refused)))

    assert ["Packer → Porter" in line for line in words(again)] == [False, True]


@pytest.mark.parametrize("change", ["role", "block", "database"])
def test_it_matters_not_how_the_row_was_changed(as_olive: Client, pat: User, path: str, change: str) -> None:
    mine = seen(as_olive.get(path))
    if change == "role":
        member(pat, "Auditor")
    elif change == "block":
        as_olive.post(f"{LIST}{pat.pk}/switch/deactivate/")
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE users_user SET first_name = 'By hand' WHERE id = %s", [pat.pk])
    assert words(as_olive.post(path, person(pat, first_name="Patricia", seen=mine)))[0] == REFUSAL


def test_what_is_no_change_of_the_row_refuses_nothing(as_olive: Client, pat: User, path: str) -> None:
    mine = seen(as_olive.get(path))
    User.objects.filter(pk=pat.pk).update(last_login="2026-01-01T00:00Z")
    pat.save()
    assert as_olive.post(path, person(pat, first_name="Patricia", seen=mine)).status_code == 302


def test_a_typed_password_is_asked_for_again(as_manager: Client, as_olive: Client, pat: User, path: str) -> None:
    mine = seen(as_olive.get(path))
    as_manager.post(path, person(pat, last_name="Packer"))
    page = as_olive.post(path, person(pat, password1=NEW_PASSWORD, password2=NEW_PASSWORD, seen=mine))
    assert page.context["adminform"].form.errors["password1"] == ["Enter the password again."]
    assert NEW_PASSWORD not in page.content.decode()


def test_a_save_over_a_newer_warehouse_is_refused_too(
    as_ada: Client, as_olive: Client, olive: User, north: Warehouse, nothing_changes: Any
) -> None:
    path = f"{WAREHOUSES}{north.pk}/change/"
    form = {"name": north.name, "is_active": "True", "note": "", "seen": seen(as_ada.get(path))}
    assert as_olive.post(path, form | {"note": "Gate 4"}).status_code == 302
    with nothing_changes():
        page = as_ada.post(path, form | {"name": "North Pier"})
    assert re.fullmatch(rf"{olive.email}, .*: Note: empty → Gate 4", words(page)[1])
    assert 'value="North Pier"' in page.content.decode()
    assert as_ada.post(path, form | {"name": "North Pier", "seen": seen(page)}).status_code == 302


def test_the_refusal_speaks_german(as_ada: Client, ada: User, as_olive: Client, pat: User, path: str) -> None:
    mine = seen(as_ada.get(path))
    User.objects.filter(pk=ada.pk).update(language="de_DE")
    as_olive.post(path, person(pat, last_name="Packer"))
    page = unescape(as_ada.post(path, person(pat, first_name="Patricia", seen=mine)).content.decode())
    assert "Inzwischen wurde dies geändert, darum wurde nichts gespeichert." in page
    assert "Nachname: Picker → Packer" in page


@pytest.mark.parametrize("sent", ["", "x", "-1", "9" * 30])
def test_a_form_that_names_no_change_breaks_nothing(as_olive: Client, pat: User, path: str, sent: str) -> None:
    assert as_olive.post(path, person(pat, first_name="Patricia", seen=sent)).status_code in {200, 302}


# --- In the same moment -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def two_urls(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two servers on one database: two connections to the same server could meet the same of its processes."""
    folder, alone = (
        tmp_path_factory.mktemp("two"),
        patient_environment() | {"WORKERS": "1"},
    )
    with live_server(alone, folder / "one.log") as one, live_server(alone, folder / "two.log") as two:
        yield one, two


@pytest.fixture
def two_browsers(
    two_urls: tuple[str, str], transactional_db: None, make_user: Callable[..., User]
) -> Iterator[Callable[..., list[str]]]:
    """Opens a page in the browsers of two administrators, sends the form of both, and holds a table until both wait.

    Returns the words each sees: what was saved, or what is wrong.
    """
    browsers = []
    for name, url in zip(("ann.admin", "bob.boss"), two_urls, strict=True):
        staff = make_user(f"{name}@example.test", is_superuser=True)
        browser = httpx.Client(base_url=url, follow_redirects=True, timeout=MOST_SECONDS)
        _send(browser, "/admin/login/", {"username": staff.email, "password": PASSWORD})
        browsers.append(browser)

    def at_once(path: str, *forms: dict[str, Any], table: str) -> list[str]:
        opened = [_open(browser, path) for browser in browsers]
        with ThreadPoolExecutor(2) as threads:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")  # may be read, not written
                answers = [
                    threads.submit(_post, browser, path, hidden | form)
                    for browser, hidden, form in zip(browsers, opened, forms, strict=True)
                ]
                wait_until_blocked(connection.connection, 2)
            return [_said(answer.result()) for answer in answers]

    yield at_once
    for browser in browsers:
        browser.close()


def _open(browser: httpx.Client, path: str) -> dict[str, str]:
    page = browser.get(path)
    assert page.status_code == 200
    return dict(re.findall(r'<input type="hidden" name="(csrfmiddlewaretoken|seen)" value="([^"]+)"', page.text))


def _send(browser: httpx.Client, path: str, form: dict[str, Any]) -> httpx.Response:
    return _post(browser, path, _open(browser, path) | form)


def _post(browser: httpx.Client, path: str, form: dict[str, Any]) -> httpx.Response:
    return browser.post(path, data=form, headers={"Referer": f"{browser.base_url}{path}"})


def _said(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text[:500]
    return re.sub(r"<[^>]+>|\s+", " ", unescape(page.text))


@pytest.mark.thorough
@pytest.mark.live
def test_two_who_create_the_same_e_mail_at_once_are_one_user_and_one_explanation(two_browsers: Any) -> None:
    new = {
        "email": "twin@example.test", "first_name": "Twin", "last_name": "One", "language": "en_US",
        "is_warehouse_user": "on", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD,
    }  # fmt: skip
    pages = two_browsers(f"{LIST}add/", new, new | {"email": "TWIN@example.test"}, table="users_user")
    assert sum("User was created successfully." in page for page in pages) == 1
    assert (
        sum(bool(re.search("User with email “twin@example.test” already exists.", page, re.I)) for page in pages) == 1
    )
    assert User.objects.by_email("twin@example.test").count() == 1


@pytest.mark.thorough
@pytest.mark.live
def test_two_at_one_warehouse_at_once_are_one_deed_and_one_explanation(two_browsers: Any) -> None:
    form = {"is_active": "True", "note": ""}
    new = form | {"name": "Twin Hall"}
    pages = two_browsers(f"{WAREHOUSES}add/", new, new, table="warehouses_warehouse")
    assert sum("Warehouse has been successfully saved" in page for page in pages) == 1
    assert sum("This name is already in use." in page for page in pages) == 1
    hall = Warehouse.objects.get()

    path = f"{WAREHOUSES}{hall.pk}/change/"
    pages = two_browsers(path, form | {"name": "East"}, form | {"name": "West"}, table="warehouses_warehouse")
    assert sum("Warehouse has been successfully updated" in page for page in pages) == 1
    assert sum(REFUSAL in page for page in pages) == 1
