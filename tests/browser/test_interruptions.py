"""The session ends, or another account signs in in another tab, while somebody fills in a form."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import BrowserContext, Page, expect

from users.models import User
from warehouses.models import Warehouse

PASSWORD = "correct-Horse-7!"
NOTICE = "This was not saved yet."

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(open_page: Callable[..., Page], olive: User, pat: User, north: Warehouse) -> Page:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    return open_page(olive, viewport={"width": 1440, "height": 900})


@pytest.fixture
def other(olive: User) -> User:
    """Somebody else who may do everything."""
    return User.objects.create_superuser("otto.other@example.test", PASSWORD)


def sign_in(page: Page, user: User) -> None:
    page.get_by_label("Email Address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#login-form button[type=submit]").click()


def end_session() -> None:
    Session.objects.all().delete()


def sign_in_elsewhere(context: BrowserContext, user: User) -> None:
    """In another tab, after signing out there."""
    end_session()
    tab = context.new_page()
    tab.goto("/admin/")
    sign_in(tab, user)
    expect(tab).to_have_url(re.compile(r"^[^?]*/admin/$"))
    tab.close()


def save(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^(Update|Save|Create).*")).first.click()


def stored(page: Page) -> str:
    return str(page.evaluate("JSON.stringify(sessionStorage)"))


def test_what_was_typed_survives_the_end_of_the_session(page: Page, olive: User, pat: User) -> None:
    path = f"/admin/users/user/{pat.pk}/change/?_changelist_filters=q%3Dpat"
    page.goto(path)
    page.get_by_label("First Name").fill("Patrizia")
    page.locator("#id_status").select_option("blocked")
    end_session()
    save(page)

    expect(page.get_by_text("what you typed is kept in this tab")).to_be_visible()
    sign_in(page, olive)
    expect(page).to_have_url(re.compile(re.escape(path)))
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_label("First Name")).to_have_value("Patrizia")
    expect(page.locator("#id_status")).to_have_value("blocked")
    save(page)
    expect(page.get_by_text("User was updated successfully.")).to_be_visible()
    pat.refresh_from_db()
    assert (pat.first_name, pat.status) == ("Patrizia", "blocked")
    page.goto(path)
    expect(page.get_by_text(NOTICE)).to_be_hidden()
    assert stored(page) == "{}"


def test_what_was_typed_survives_the_sign_in_of_another_account(page: Page, other: User, watch: object) -> None:
    watch.expected.append("status of 403")  # type: ignore[attr-defined]
    page.goto("/admin/warehouses/warehouse/add/")
    page.get_by_label("Name").fill("River Annex")
    sign_in_elsewhere(page.context, other)
    save(page)

    expect(page.get_by_role("heading", name="Nothing was saved")).to_be_visible()
    expect(page.get_by_text(f"The account {other.email} is signed in now.")).to_be_visible()
    expect(page.get_by_text("What you typed is kept in this tab")).to_be_visible()
    page.get_by_role("link", name="Show the form again").click()
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("River Annex")
    save(page)
    expect(page).not_to_have_url(re.compile("/add/$"))
    assert Warehouse.objects.filter(name="River Annex").exists()


def test_no_password_is_kept(page: Page, olive: User) -> None:
    page.goto("/admin/password_change/")
    for field in page.locator("input[type=password]").all():
        field.fill("a new-Secret 12")
    end_session()
    page.locator(
        "#content button[type=submit], main button[type=submit], form:not(#logout-form) button[type=submit]"
    ).last.click()
    expect(page).to_have_url(re.compile("/admin/login/"))
    assert "Secret" not in stored(page)
    sign_in(page, olive)
    expect(page).to_have_url(re.compile(r"^[^?]*/admin/password_change/"))
    expect(page.locator("input[type=password]")).to_have_count(3)
    assert {field.input_value() for field in page.locator("input[type=password]").all()} == {""}


def test_a_button_of_a_list_leads_back_to_the_list(page: Page, olive: User, pat: User) -> None:
    """Its own address takes no GET."""
    page.goto("/admin/users/user/?q=pat")
    end_session()
    page.get_by_role("button", name=f"Actions: {pat.email}").click()
    page.get_by_role("button", name=f"Deactivate: {pat.email}").click()
    sign_in(page, olive)
    expect(page).to_have_url(re.compile(r"/admin/users/user/\?q=pat$"))
    pat.refresh_from_db()
    assert pat.status == User.Status.ACTIVE


def test_signing_out_removes_what_was_kept(page: Page, olive: User, pat: User) -> None:
    page.goto(f"/admin/users/user/{pat.pk}/change/")
    page.get_by_label("First Name").fill("Patrizia")
    end_session()
    save(page)
    expect(page).to_have_url(re.compile("/admin/login/"))
    page.goto("/admin/login/")
    sign_in(page, olive)
    page.locator("[aria-controls=user-links]").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/admin/logout/"))
    assert "Patrizia" not in stored(page)
