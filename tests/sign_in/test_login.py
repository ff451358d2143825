"""Sign-in to the Back Office: who may, the messages for others, passwords, languages."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.signals import template_rendered
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api, sign_in
from tests.support.sign_in.login import (
    LOGIN,
    NEW_PASSWORD,
    OWN_PASSWORD,
    RESET,
    change_password,
    choose,
    delivered,
    is_in,
    link_for,
    log_in,
    text,
)
from users.models import Session, User
from users.sign_in.lockouts import failed_attempts

WORDS = "Authentication failed! Check the email address and the password, and try again."
SENT = "If there is an account associated with this email, you will receive an Email with further instructions."


def audit(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    lines: list[Any] = [record.msg for record in caplog.records if record.name == "security"]
    return [(line["event"], line["tag"], line["username"]) for line in lines if "tag" in line]


@pytest.fixture
def inside(olive: User) -> Client:
    client = Client()
    client.force_login(olive)
    return client


# --- Signing in -------------------------------------------------------------------------------------------------
def test_the_login_page_says_what_to_do(db: None) -> None:
    page = text(Client().get(LOGIN))
    for words in ("Email Address", "Password", "Login", "Forgot password?"):
        assert words in page


def test_a_back_office_user_signs_in_by_email_in_any_case_of_letters(olive: User) -> None:
    client = Client()
    answer = log_in("Olive.OFFICE@example.test", client=client)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert is_in(client)


def test_sign_in_leads_to_the_page_asked_for_but_never_to_another_site(olive: User) -> None:
    form = {"username": olive.email, "password": PASSWORD}
    assert Client().post(f"{LOGIN}?next=/admin/users/user/", form)["Location"] == "/admin/users/user/"
    assert Client().post(f"{LOGIN}?next=https://evil.test/", form)["Location"] == "/admin/"


def test_everyone_else_gets_the_very_page_of_a_wrong_password(
    olive: User, pat: User, make_user: Callable[..., User], nothing_changes: Callable[[], Any]
) -> None:
    blocked = make_user("bo.blocked@example.test", status="blocked")
    deleted = make_user("dee.deleted@example.test", status="deleted")
    left = make_user("lee.left@example.test", employed_until=timezone.now())
    wrong = text(log_in(olive.email, "wrong-Horse-7!"))
    assert WORDS in wrong
    with nothing_changes():
        for email in (pat.email, blocked.email, deleted.email, left.email, "nobody@example.test"):
            client = Client()
            answer = log_in(email, client=client)
            assert (answer.status_code, text(answer)) == (200, wrong), email
            assert not is_in(client)


def test_everyone_else_costs_the_work_of_a_wrong_password(
    olive: User, pat: User, make_user: Callable[..., User], monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    from users.sign_in.hashers import OwaspArgon2Hasher

    blocked = make_user("bo.blocked@example.test", status="blocked")
    left = make_user("lee.left@example.test", employed_until=timezone.now())
    hashed: list[str] = []
    verify, encode = OwaspArgon2Hasher.verify, OwaspArgon2Hasher.encode

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def once_more(*given: Any) -> Any:
            hashed.append("once")
            return work(*given)

        return once_more

    monkeypatch.setattr(OwaspArgon2Hasher, "verify", counted(verify))
    monkeypatch.setattr(OwaspArgon2Hasher, "encode", counted(encode))
    for email, password in (
        (olive.email, "wrong-Horse-7!"),
        (pat.email, PASSWORD),
        (blocked.email, PASSWORD),
        (left.email, PASSWORD),
        ("nobody@example.test", PASSWORD),
    ):
        hashed.clear()
        with django_assert_num_queries(10):  # three of them keep the audit row: in a test it has a savepoint
            log_in(email, password)
        assert hashed == ["once"], email


@pytest.mark.parametrize("change", [{"is_warehouse_user": True}, {"status": "blocked"}, {"status": "deleted"}], ids=str)
def test_a_live_session_ends_when_its_owner_may_no_longer_enter(
    inside: Client, olive: User, change: dict[str, Any]
) -> None:
    assert is_in(inside)
    User.objects.filter(pk=olive.pk).update(**change)
    answer = inside.get("/admin/users/user/")
    assert (answer.status_code, answer["Location"]) == (302, f"{LOGIN}?next=/admin/users/user/")
    assert "Email Address" in text(inside.get(answer["Location"]))
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=False, status="active")
    assert not is_in(inside)


def test_signing_a_person_out_everywhere_ends_their_back_office_sessions(inside: Client, olive: User) -> None:
    User.objects.get(pk=olive.pk).end_sessions("lost laptop")
    assert not is_in(inside)


def test_sign_ins_are_logged(olive: User, pat: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        log_in(olive.email)
        log_in(olive.email, "wrong-Horse-7!")
        log_in(pat.email)
    assert audit(caplog) == [
        ("Successful Login", "successful_login", olive.email),
        ("Failed Login", "failed_login", olive.email),
        ("Failed Login", "failed_login", pat.email),
    ]
    assert "Horse" not in caplog.text


def test_signing_out_leads_back_to_the_login_page(inside: Client) -> None:
    assert inside.post("/admin/logout/").status_code in (200, 302)
    assert not is_in(inside)


def test_a_person_without_any_group_sees_a_dashboard_and_no_data(inside: Client) -> None:
    assert is_in(inside)
    for path in ("users/user", "users/session", "warehouses/warehouse", "assignments/warehouseuserassignment"):
        assert inside.get(f"/admin/{path}/").status_code == 403


# --- The own password -------------------------------------------------------------------------------------------


def test_a_new_password_ends_all_other_sessions_of_the_person(inside: Client, as_olive: Api, olive: User) -> None:
    elsewhere = Client()
    log_in(olive.email, client=elsewhere)
    assert "User password was updated successfully." in text(change_password(inside))
    assert is_in(inside)
    assert not is_in(elsewhere)
    assert as_olive.get(ASSIGNMENTS).status_code == 401
    assert log_in(olive.email, NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"old": "wrong-Horse-7!"}, "Incorrect current password provided."),
        ({"again": "yet-another-9!"}, "The password fields must match."),
        ({"new": "short-7!", "again": "short-7!"}, "It must contain at least 12 characters."),
        ({"new": "administrator", "again": "administrator"}, "This password is too common."),
        ({"new": "olive.office@example", "again": "olive.office@example"}, "too similar to the E-mail"),
        ({"new": "x7!" * 43, "again": "x7!" * 43}, "at most 128 characters"),
        ({"new": "", "again": ""}, "This value should not be blank."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_new_password_changes_nothing_and_says_why(
    inside: Client, olive: User, given: dict[str, str], words: str, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        assert words in text(change_password(inside, **given))


# --- A forgotten password ---------------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced_through_an_email(
    inside: Client, as_olive: Api, olive: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        page = choose(Client(), link_for("OLIVE.office@example.test"))
    assert audit(caplog) == [
        ("Password Reset Requested", "password_reset_requested", olive.email),
        ("Password Updated after Reset", "password_updated_after_reset", olive.email),
    ]
    assert "Password updated." in text(page)
    assert "E-mail or sign-in name" in text(page)
    assert not is_in(inside)
    assert as_olive.get(ASSIGNMENTS).status_code == 401
    assert log_in(olive.email, NEW_PASSWORD).status_code == 302


def test_asking_says_the_same_to_everyone_and_writes_only_to_who_may_sign_in(
    olive: User, make_user: Callable[..., User]
) -> None:
    blocked = make_user("bo.blocked@example.test", status="blocked")
    pages = set()
    left = make_user("lee.left@example.test", employed_until=timezone.now())
    for email in (blocked.email, left.email, "nobody@example.test", olive.email):
        answer = Client().post(RESET, {"email": email}, follow=True)
        assert answer.redirect_chain == [(LOGIN, 302)]
        pages.add(text(answer))
    (page,) = pages
    assert SENT in page
    assert [message.to for message in delivered()] == [[olive.email]]


#: Who an e-mail may belong to, and whether they are written to.
ACCOUNTS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "nobody": (None, False),
    "a Back Office user": ({}, True),
    "a warehouse user": ({"is_warehouse_user": True}, True),
    "no password yet": ({"password": make_password(None)}, True),
    "without a mailbox": ({"has_mailbox": False}, False),
    "blocked": ({"status": User.Status.BLOCKED}, False),
    "deleted": ({"status": User.Status.DELETED}, False),
    "employed until yesterday": ({"employed_until": timezone.now() - timedelta(days=1)}, False),
    "employed until tomorrow": ({"employed_until": timezone.now() + timedelta(days=1)}, True),
}


def test_asking_costs_the_same_whoever_it_is(make_user: Callable[..., User]) -> None:
    """The queries of the answer, and what is written beside it. Time itself: `tests/benchmarks/reset_times.py`."""
    found = {name: _cost_of_asking(make_user, n, *ACCOUNTS[name]) for n, name in enumerate(ACCOUNTS)}
    assert len(found["nobody"]) > 5
    assert {name: cost for name, cost in found.items() if cost != found["nobody"]} == {}


def _cost_of_asking(
    make_user: Callable[..., User], number: int, columns: dict[str, Any] | None, is_written_to: bool
) -> list[str]:
    """Every query, without its values, and every template. Each time from another network, so that none is limited."""
    email, done = "kim.keeper@example.test", []
    if columns is not None:
        make_user(email, **columns)
    mail.outbox.clear()

    def note(template: Any, **_: Any) -> None:
        done.append(template.name)

    template_rendered.connect(note)
    with CaptureQueriesContext(connection) as queries:
        assert Client(REMOTE_ADDR=f"10.{number}.0.1").post(RESET, {"email": email}).status_code == 302
    assert [message.to for message in delivered()] == ([[email]] if is_written_to else [])
    template_rendered.disconnect(note)
    User.objects.filter(email=email)._raw_delete("default")
    failed_attempts.unlock(email)
    return [*(re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries), *done]


def test_where_no_email_is_sent_nobody_is_asked_to_wait_for_one(olive: User, settings: Any) -> None:
    settings.SENDS_EMAIL = False

    assert "Forgot password?" not in text(Client().get(LOGIN))
    answer = Client().post(RESET, {"email": olive.email}, follow=True)
    assert answer.redirect_chain == [(LOGIN, 302)]
    assert "No e-mail is sent from here. Ask an administrator for a new password." in text(answer)
    assert delivered() == []


def test_the_email_is_in_the_persons_language(olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    Client().post(RESET, {"email": olive.email})
    (message,) = delivered()
    assert message.subject == "Ihr neues Passwort für das Back Office"
    assert str(message.body).startswith("Hallo Olive,")


def test_a_link_works_once_and_not_for_ever(olive: User, settings: Any) -> None:
    path = link_for(olive.email)
    choose(Client(), path)
    assert "Invalid request token!" in text(Client().get(path, follow=True))
    fresh = link_for(olive.email)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "Invalid request token!" in text(Client().get(fresh, follow=True))


def test_a_link_that_is_cut_short_or_forged_or_of_a_blocked_person_says_so(olive: User) -> None:
    path = link_for(olive.email)
    assert "Request token is missing!" in text(Client().get("/admin/reset/", follow=True))
    assert "Invalid request token!" in text(Client().get(path[:-3] + "x/", follow=True))
    User.objects.filter(pk=olive.pk).update(status="blocked")
    assert "Invalid request token!" in text(Client().get(path, follow=True))


def test_a_bad_password_behind_the_link_changes_nothing(olive: User, nothing_changes: Callable[[], Any]) -> None:
    path = link_for(olive.email)
    with nothing_changes():
        page = text(choose(Client(), path, again="yet-another-9!"))
    assert "Could not update password." in page
    assert "The password fields must match." in page


# --- Languages --------------------------------------------------------------------------------------------------
def test_the_login_page_speaks_the_browsers_language(db: None) -> None:
    assert "E-Mail-Adresse" in text(Client().get(LOGIN, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}))
    assert "Email Address" in text(Client().get(LOGIN, headers={"Accept-Language": "fr"}))


def test_a_refusal_is_in_the_browsers_language_too(olive: User) -> None:
    page = text(log_in(olive.email, "wrong-Horse-7!", Client(headers={"Accept-Language": "de"})))
    assert "Anmeldung fehlgeschlagen!" in page


def test_the_back_office_speaks_its_users_language(inside: Client, olive: User) -> None:
    assert '<html lang="en"' in text(inside.get("/admin/", headers={"Accept-Language": "de"}))
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    page = text(inside.get(OWN_PASSWORD, headers={"Accept-Language": "en"}))
    assert '<html lang="de"' in page
    assert "Aktuelles Passwort" in page


def test_the_api_speaks_english_whatever_the_request_or_the_person_prefers(as_olive: Api, olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    inside = Client()
    inside.force_login(User.objects.get(pk=olive.pk))
    calls: list[Callable[[dict[str, str]], Any]] = [
        lambda headers: as_olive.get("/no-such-path", **headers),
        lambda headers: as_olive.post(ASSIGNMENTS, {"isActive": "perhaps"}, **headers),
        lambda headers: as_olive.get(f"{ASSIGNMENTS}?filter[x]=1", **headers),
        lambda headers: as_olive.call("PUT", ASSIGNMENTS, **headers),
        lambda headers: Api().post("/token", {}, **headers),
        lambda headers: Api().get("/warehouses", **headers),
    ]
    for call in calls:
        plain = call({})
        inside.get("/admin/")  # leaves German behind in this thread
        assert call({"Accept-Language": "de"}).content == plain.content
        assert "Content-Language" not in plain
        assert "Accept-Language" not in plain.get("Vary", "")


# --- Sessions of both kinds -------------------------------------------------------------------------------------
def test_a_back_office_session_and_an_api_session_do_not_disturb_each_other(inside: Client, olive: User) -> None:
    token = sign_in(olive.email)["access_token"]
    inside.post("/admin/logout/")
    assert Api(token).get(ASSIGNMENTS).status_code == 200
    assert Session.objects.get().last_used_at - timezone.now() < timedelta(seconds=1)
