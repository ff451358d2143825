"""The pages of one's own account: for everybody who may sign in, also for those who may not enter the Back Office."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db.models.functions import Now
from django.test import Client

from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api, sign_in
from tests.support.back_office.staff import told
from tests.support.cases import each
from tests.support.sign_in.login import LOGIN, NEW_PASSWORD, choose, is_in, link_for, log_in, text
from tests.support.sign_in.two_factor import app_of, calm, code_of, enrol
from users.account.urls import urlpatterns
from users.models import Session, User
from users.models.audit_event import AuditEvent

ACCOUNT = "/account/"
SIGN_IN = "/account/login/"
PASSWORD_PAGE = "/account/password/"
TEMPORARY = "x7kq-9mnp-2wvz-4hjd"
WRONG = "Authentication failed! Check the email address and the password, and try again."


def enter(user: User, password: str = PASSWORD, client: Client | None = None) -> tuple[Client, Any]:
    client = client or Client()
    return client, client.post(SIGN_IN, {"username": user.email, "password": password})


@pytest.fixture
def as_picker(pat: User) -> Client:
    return enter(pat)[0]


@pytest.fixture
def newcomer(pat: User) -> User:
    pat.set_temporary_password(make_password(TEMPORARY))
    return pat


def is_inside(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def session_of(user: User) -> Session:
    return Session.objects.get(user=user)


# --- Signing in -------------------------------------------------------------------------------------------------
def test_everybody_whose_account_is_active_signs_in(pat: User, olive: User) -> None:
    for user in (pat, olive):
        client, answer = enter(user)
        assert (answer.status_code, answer["Location"]) == (302, ACCOUNT)
        page = client.get(ACCOUNT)
        assert "no-store" in page["Cache-Control"]
        assert user.email in text(page).replace("&#64;", "@")
        assert ("To the Back Office" in text(page)) is user.is_staff


@each("status", ["blocked", "deleted"])
def test_everybody_else_gets_the_page_of_a_wrong_password(pat: User, status: str) -> None:
    wrong = text(enter(pat, "wrong-Horse-7!")[1])
    assert WRONG in wrong
    User.objects.filter(pk=pat.pk).update(status=status)
    client, answer = enter(pat)
    assert (answer.status_code, text(answer)) == (200, wrong)
    assert not is_inside(client)


#: The routes for those who are not signed in.
OPEN = {"login/", "login/code/", "logout/", "password_reset/", "<path:unknown>"}


def test_every_route_asks_who_is_not_signed_in(pat: User, nothing_changes: Any) -> None:
    routes = {str(pattern.pattern) for pattern in urlpatterns}
    assert routes >= OPEN
    with nothing_changes():
        for route in routes - OPEN:
            path = ACCOUNT + route.replace("<uuid:pk>", str(pat.uuid))
            assert Client().get(path)["Location"] == f"{SIGN_IN}?next={path}"
            assert Client().post(path)["Location"].startswith(f"{SIGN_IN}?next=")


def test_one_is_led_back_to_the_page_asked_for(pat: User) -> None:
    assert Client().get("/account")["Location"] == ACCOUNT
    answer = Client().post(f"{SIGN_IN}?next={PASSWORD_PAGE}", {"username": pat.email, "password": PASSWORD})
    assert answer["Location"] == PASSWORD_PAGE


def test_failures_lock_it_as_the_back_office_and_count_there_too(pat: User, olive: User) -> None:
    for attempt in range(9):
        log_in(olive.email, "wrong-Horse-7!") if attempt % 2 else enter(olive, "wrong-Horse-7!")
    answer = enter(olive)[1]
    assert answer.status_code == 429
    assert 350 < int(answer["Retry-After"]) <= 360
    assert f'href="{SIGN_IN}"' in text(answer)
    assert log_in(olive.email).status_code == 429
    assert enter(pat)[1].status_code == 302


def test_whoever_has_a_second_factor_needs_it_here_too(olive: User) -> None:
    inside = Client()
    log_in(olive.email, client=inside)
    enrol(inside)
    calm(olive)
    client, answer = enter(olive)
    assert answer["Location"] == "/account/login/code/"
    assert not is_inside(client)
    page = client.get(answer["Location"])
    assert f'href="{SIGN_IN}"' in text(page)
    answer = client.post("/account/login/code/", {"code": code_of(app_of(olive))})
    assert answer["Location"] == ACCOUNT
    assert is_inside(client)


def test_without_a_password_there_is_no_second_step(db: None) -> None:
    assert Client().get("/account/login/code/")["Location"] == SIGN_IN


def test_a_form_of_another_site_is_refused(pat: User) -> None:
    answer = Client(enforce_csrf_checks=True).post(SIGN_IN, {"username": pat.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert "Nothing was saved" in text(answer)
    assert f'href="{ACCOUNT}"' in text(answer)


def test_an_unknown_page_is_a_page_that_leads_back(as_picker: Client) -> None:
    answer = as_picker.get("/account/nowhere/")
    assert answer.status_code == 404
    assert "This page does not exist" in text(answer)
    assert f'<a href="{ACCOUNT}">To your account</a>' in text(answer)


# --- The Back Office stays closed -------------------------------------------------------------------------------
def test_a_warehouse_users_session_opens_nothing_of_the_back_office(as_picker: Client, pat: User) -> None:
    for path in ("/admin/", "/admin/users/user/", "/admin/two-factor/"):
        answer = as_picker.get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"{LOGIN}?next={path}")
        assert as_picker.get(answer["Location"])["Location"] == ACCOUNT
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    assert as_picker.get("/admin/").status_code == 302
    assert is_inside(as_picker)
    log_in(pat.email, client=as_picker)
    assert is_in(as_picker)


def test_a_back_office_users_session_opens_both(olive: User) -> None:
    client, _answer = enter(olive)
    assert is_in(client)
    assert is_inside(client)
    assert client.post("/account/logout/")["Location"] == SIGN_IN
    assert not is_in(client)


# --- Sessions ---------------------------------------------------------------------------------------------------
def test_one_sees_and_ends_ones_own_sessions(as_picker: Client, as_pat: Api, pat: User, sam: User) -> None:
    sign_in(sam.email)
    mine, other = session_of(pat), session_of(sam)
    page = text(as_picker.get(ACCOUNT))
    assert f"/account/sessions/{mine.pk}/end/" in page
    assert str(other.pk) not in page
    assert told(as_picker.post(f"/account/sessions/{mine.pk}/end/")) == ["The session was ended."]
    assert as_pat.get(ASSIGNMENTS).status_code == 401
    assert session_of(pat).end_reason == "ended by the person, on their account page"
    for row in (mine, other):
        assert told(as_picker.post(f"/account/sessions/{row.pk}/end/")) == ["This session had ended already."]
    assert session_of(sam).is_live


def test_logging_out_everywhere_else_keeps_this_session(as_picker: Client, as_pat: Api, pat: User) -> None:
    elsewhere, _answer = enter(pat)
    answer = as_picker.post("/account/sessions/end/")
    assert told(answer) == ["You are signed out everywhere else."]
    assert is_inside(as_picker)
    assert not is_inside(elsewhere)
    assert as_pat.get(ASSIGNMENTS).status_code == 401


@each("path", ["sessions/end/", "sessions/3f0c9a5d-7e8b-4c1d-9a2e-6f7081b2c3d4/end/", "language/"])
def test_a_link_changes_nothing(as_picker: Client, nothing_changes: Any, path: str) -> None:
    with nothing_changes():
        assert as_picker.get(ACCOUNT + path).status_code == 405


# --- Language ---------------------------------------------------------------------------------------------------
def test_the_language_is_chosen_here(as_picker: Client, pat: User, nothing_changes: Any) -> None:
    with nothing_changes():
        assert as_picker.post("/account/language/", {"language": "xx"}).status_code == 404
    assert as_picker.post("/account/language/", {"language": "de_DE"})["Location"] == ACCOUNT
    assert User.objects.get(pk=pat.pk).language == "de_DE"
    page = text(as_picker.get(ACCOUNT))
    assert '<html lang="de"' in page
    assert "Wo Sie angemeldet sind" in page


# --- The password -----------------------------------------------------------------------------------------------
def test_the_password_is_changed_here(as_picker: Client, as_pat: Api, pat: User) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    answer = as_picker.post(PASSWORD_PAGE, form)
    assert answer["Location"] == ACCOUNT
    assert told(answer) == ["Your new password is saved. Use it from now on, in the app too."]
    assert is_inside(as_picker)
    assert as_pat.get(ASSIGNMENTS).status_code == 401
    assert sign_in(pat.email, NEW_PASSWORD)["access_token"]


@each(
    ("changes", "words"),
    [
        ({"old_password": "wrong-Horse-7!"}, "Incorrect current password provided."),
        ({"new_password2": "yet-another-9!"}, "The password fields must match."),
        ({"new_password1": "short-7!", "new_password2": "short-7!"}, "It must contain at least 12 characters."),
    ],
)
def test_a_bad_new_password_says_why(
    as_picker: Client, nothing_changes: Any, changes: dict[str, str], words: str
) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    with nothing_changes():
        assert words in text(as_picker.post(PASSWORD_PAGE, form | changes))


def test_the_link_of_a_forgotten_password_ends_here(pat: User, settings: Any) -> None:
    settings.APP_URL = "https://app.example.test/"
    client = Client()
    page = choose(client, link_for(pat.email))
    assert page.redirect_chain[-1] == (SIGN_IN, 302)
    assert "Password updated." in text(page)
    enter(pat, NEW_PASSWORD, client)
    assert 'href="https://app.example.test/"' in text(client.get(ACCOUNT))


# --- A temporary password ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_staff", [False, True])
@pytest.mark.parametrize("door", [SIGN_IN, LOGIN])
def test_a_temporary_password_leads_to_its_change_and_to_nothing_else(
    newcomer: User, door: str, is_staff: bool
) -> None:
    User.objects.filter(pk=newcomer.pk).update(is_warehouse_user=not is_staff, is_superuser=is_staff)
    client = Client()
    answer = client.post(door, {"username": newcomer.email, "password": TEMPORARY})
    if door == LOGIN and not is_staff:  # as for a wrong password
        assert (answer.status_code, WRONG in text(answer)) == (200, True)
        return
    assert answer["Location"] == PASSWORD_PAGE
    for path in (ACCOUNT, SIGN_IN, "/admin/", "/admin/users/user/", "/admin/two-factor/", "/admin/password_change/"):
        assert client.get(path, follow=True).redirect_chain[-1] == (PASSWORD_PAGE, 302), path
    assert client.post("/account/language/", {"language": "de_DE"})["Location"] == PASSWORD_PAGE
    assert "You have signed in with a temporary password." in text(client.get(PASSWORD_PAGE))
    answer = client.post(PASSWORD_PAGE, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert answer["Location"] == ACCOUNT
    assert is_inside(client)
    assert is_in(client) is is_staff
    newcomer.refresh_from_db()
    assert newcomer.must_change_password_by is None
    assert sign_in(newcomer.email, NEW_PASSWORD)["access_token"]


@each(
    ("password", "words"),
    [
        (TEMPORARY, "This is the temporary password. Choose another one."),
        ("short-7!", "It must contain at least 12 characters."),
    ],
)
def test_it_is_not_kept(newcomer: User, nothing_changes: Any, password: str, words: str) -> None:
    client, _answer = enter(newcomer, TEMPORARY)
    with nothing_changes():
        answer = client.post(PASSWORD_PAGE, {"new_password1": password, "new_password2": password})
    assert words in text(answer)


def test_a_session_does_not_outlast_its_time(newcomer: User, nothing_changes: Any) -> None:
    client, _answer = enter(newcomer, TEMPORARY)
    User.objects.update(must_change_password_by=Now() - timedelta(seconds=1))
    with nothing_changes():
        form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        answer = client.post(PASSWORD_PAGE, form, follow=True)
    assert answer.redirect_chain == [(SIGN_IN, 302)]
    assert "The time to change the temporary password is over. Ask for a new one." in text(answer)
    assert enter(newcomer, TEMPORARY)[1].status_code == 200


def test_a_block_meanwhile_saves_no_password(
    newcomer: User, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _answer = enter(newcomer, TEMPORARY)
    hashed = User.set_password

    def after_block(user: User, password: str) -> None:
        User.objects.filter(pk=user.pk).update(status="blocked")
        hashed(user, password)

    monkeypatch.setattr(User, "set_password", after_block)
    answer = client.post(PASSWORD_PAGE, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert told(answer) == ["Somebody has changed your account meanwhile, so nothing was saved."]
    newcomer.refresh_from_db()
    assert newcomer.check_password(TEMPORARY)
    assert newcomer.must_change_password


def test_the_history_names_the_page(as_picker: Client, pat: User) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    as_picker.post(PASSWORD_PAGE, form)
    context = pat.events.order_by("-pgh_id").first().pgh_context  # type: ignore[attr-defined]
    assert (context["client"], context["user"]) == ("account", pat.pk)
    assert AuditEvent.objects.filter(path=SIGN_IN, tag="successful_login").exists()
