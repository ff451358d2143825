"""The page *Why?* of a request id: its security events, what stood in the way, and the conditions of then and now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from tests.support.api.client import PASSWORD, Api, sign_in
from tests.support.back_office.staff import member, signed_in
from tests.support.back_office.why import PAGE, answered, unmet
from tests.support.oauth.code_flow import APP, BAD_REFRESH_TOKEN, PARTNER, assert_refused, login_form, send
from tests.support.oauth.held_tokens import Issued, service
from users.models import SigningKey, User
from users.models.audit_event import AuditEvent
from users.models.oauth.client import Client
from users.oauth.key_ring import key_ring
from users.roles import named

ID = {"X-Request-Id": "phone-7"}
HOUR = timedelta(hours=1)


def sign_in_refused(email: str, password: str = "a-guess-that-fails", status: int = 400) -> None:
    sent = {"grant_type": "password", "username": email, "password": password}
    assert send("/token", sent, **ID).status_code == status


def told(browser: Browser) -> tuple[Any, Any, Any]:
    """Person, code of the reason, moment."""
    page = answered(browser, request_id="phone-7")
    assert page["form"].errors == {}
    return page["person"], page["reason"][1], page["states"][0]["moment"]


def test_a_wrong_password_is_told_with_person_and_moment(as_ada: Browser, pat: User) -> None:
    sign_in_refused(pat.email)
    event = AuditEvent.objects.get(request_id="phone-7")
    assert told(as_ada) == (pat, "wrong_password", event.at)
    page = answered(as_ada, request_id="phone-7")
    assert [one.event for one in page["events"]] == [event]
    text = as_ada.get(PAGE, {"request_id": "phone-7"}).content.decode()
    assert "What stood in the way: nothing but the password: it was wrong <code>wrong_password</code>" in text
    assert reverse("admin:users_auditevent_change", args=[event.pk]) in text


def blocked(pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status="blocked")


def deleted(pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status="deleted")


def employment_over(pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(employed_until=timezone.now() - HOUR)


def temporary_password_expired(pat: User) -> None:
    person = User.objects.get(pk=pat.pk)
    person.set_temporary_password(make_password(PASSWORD))
    User.objects.filter(pk=pat.pk).update(must_change_password_by=timezone.now() - HOUR)


@pytest.mark.parametrize("act", [blocked, deleted, employment_over, temporary_password_expired])
@pytest.mark.django_db(transaction=True)
def test_what_stood_in_the_way_of_signing_in_is_still_told_when_it_is_mended(
    as_ada: Browser, pat: User, act: Callable[[User], None]
) -> None:
    """With committed changes, so that the history has a moment for each."""
    act(pat)
    sign_in_refused(pat.email, PASSWORD)
    User.objects.filter(pk=pat.pk).update(status="active", employed_until=None, must_change_password_by=None)
    assert told(as_ada)[:2] == (User.objects.get(pk=pat.pk), act.__name__)
    past, now = answered(as_ada, request_id="phone-7")["states"]
    assert (past["may_sign_in"], now["may_sign_in"]) == (False, True)


def test_a_temporary_password_must_be_changed_first(as_ada: Browser, pat: User) -> None:
    User.objects.get(pk=pat.pk).set_temporary_password(make_password(PASSWORD))
    sign_in_refused(pat.email, PASSWORD)
    assert told(as_ada)[1] == "temporary_password"


def test_a_warehouse_user_at_the_login_page_is_told_of(as_ada: Browser, pat: User) -> None:
    form = {"username": pat.email, "password": PASSWORD}
    Browser().post(reverse("admin:login"), form, headers=ID)
    assert told(as_ada)[:2] == (pat, "not_a_back_office_user")


def test_nobody_has_that_name(as_ada: Browser) -> None:
    sign_in_refused("nobody@example.test")
    page = answered(as_ada, request_id="phone-7")
    assert (page["person"], page["reason"][1], page["states"]) == (None, "unknown_person", [])
    text = as_ada.get(PAGE, {"request_id": "phone-7"}).content.decode()
    assert "The event names nobody who is there, and no client." in text


@pytest.mark.parametrize("is_assigned", [True, False])
def test_a_refused_warehouse_token_names_the_reason_of_the_decision(
    as_ada: Browser, pat: User, request: pytest.FixtureRequest, is_assigned: bool
) -> None:
    if is_assigned:
        request.getfixturevalue("pat_north").deactivate()
    Api(sign_in(pat.email)["access_token"]).post("/warehouse-tokens", **ID)
    assert told(as_ada)[:2] == (pat, "not_active" if is_assigned else "not_assigned")
    assert answered(as_ada, request_id="phone-7")["states"][0]["may_work"] is False


def test_a_refused_client_is_told_of(as_ada: Browser) -> None:
    service("picking")
    for name, code in (("picking", "wrong_secret"), ("nobody", "unknown_client")):
        AuditEvent.objects.all().delete()
        send("/introspect", {"token": "x", "client_id": name, "client_secret": "wrong"}, **ID)
        page = answered(as_ada, request_id="phone-7")
        assert (page["reason"][1], page["client"] and page["client"].client_id) == (
            code,
            name if name == "picking" else None,
        )
    Client.objects.get().remove()
    send("/introspect", {"token": "x", "client_id": "picking", "client_secret": "wrong"}, **ID)
    page = answered(as_ada, request_id="phone-7")
    assert unmet(page["states"][-1], "of_client") == ["The client was removed."]


def test_a_locked_sign_in_is_told_of(as_ada: Browser, pat: User) -> None:
    for _ in range(9):
        sign_in_refused(pat.email)
    AuditEvent.objects.all().delete()
    sign_in_refused(pat.email, PASSWORD, status=429)
    assert told(as_ada)[:2] == (pat, "locked")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "stranger"}, "unknown_client"),
        ({"client_id": "partner", "redirect_uri": APP}, "redirect_not_registered"),
        ({"client_id": "partner", "redirect_uri": ""}, None),
        ({"redirect_uri": PARTNER}, "redirect_not_registered"),
    ],
)
@pytest.mark.usefixtures("app", "partner")
def test_a_client_refused_at_authorize_is_told_of(
    as_ada: Browser, pat: User, changes: dict[str, Any], code: str | None
) -> None:
    """The address that was sent is asked about, too."""
    send("/authorize", login_form(pat, **changes), **ID)
    page = answered(as_ada, request_id="phone-7")
    assert (page["reason"] and page["reason"][1]) == code
    if code == "redirect_not_registered":
        assert f"{changes['redirect_uri']} is not registered." in unmet(page["states"][-1], "of_client")[0]


def test_refused_addresses_fill_no_table(app: str, partner: Client, pat: User) -> None:
    """Nor do unknown clients, each with another name."""
    for number in range(12):
        send("/authorize", login_form(pat, client_id="partner", redirect_uri=f"{APP}{number}"))
    assert AuditEvent.objects.filter(tag="client_refused_at_authorize", client_id="partner").count() == 9
    for number in range(12):
        send("/authorize", login_form(pat, client_id=f"stranger-{number}"))
    assert AuditEvent.objects.filter(tag="client_refused_at_authorize").count() == 9
    send("/authorize", login_form(pat, redirect_uri=PARTNER))
    assert AuditEvent.objects.get(client_id="frontend").details["code"] == "redirect_not_registered"


@pytest.mark.parametrize("act", ["session_ended", "session_expired", "blocked"])
def test_a_refused_refresh_token_says_what_became_of_the_session(as_ada: Browser, pat: User, act: str) -> None:
    token = sign_in(pat.email)["refresh_token"]
    AuditEvent.objects.all().delete()
    if act == "session_ended":
        pat.sessions.get().end("password changed")
    elif act == "session_expired":
        pat.sessions.update(expires_at=timezone.now() - HOUR)
    else:
        blocked(pat)
    answer = send("/token", {"grant_type": "refresh_token", "refresh_token": token}, **ID)
    assert_refused(answer, BAD_REFRESH_TOKEN)
    assert told(as_ada)[:2] == (pat, act)
    event = AuditEvent.objects.get(tag="refresh_token_refused")
    assert (event.session, event.client_id, event.level) == (pat.sessions.get().pk, "frontend", "info")
    sessions = answered(as_ada, request_id="phone-7")["states"][-1]["sessions"]
    assert [one.code for one in sessions if one.code] == ([] if act == "blocked" else [act])


def test_a_token_of_a_removed_key_says_so(as_ada: Browser, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "_keys", key_ring.keys)
    monkeypatch.setattr(key_ring, "_read_at", key_ring._read_at)
    token = sign_in(pat.email)["access_token"]
    SigningKey.objects.all().delete()
    assert Api(token).get("/users", **ID).status_code == 401
    assert told(as_ada)[:2] == (pat, "key_removed")


def test_a_success_is_shown_without_a_reason(as_ada: Browser, pat: User) -> None:
    send("/token", {"grant_type": "password", "username": pat.email, "password": PASSWORD}, **ID)
    page = answered(as_ada, request_id="phone-7")
    assert (page["reason"], page["person"], len(page["events"])) == (None, pat, 1)


def test_an_unknown_request_is_told_of_with_how_long_events_are_kept(as_ada: Browser, pat: User) -> None:
    sign_in_refused(pat.email)
    for asked in ("phone-8", "PHONE-7"):
        page = answered(as_ada, request_id=asked)
        (error,) = page["form"].errors["request_id"]
        assert error.startswith(f"No security event has the request ID “{asked}”. Those from before ")
        assert "states" not in page


def test_what_is_older_than_the_history_is_told_for_now_only(as_ada: Browser, pat: User) -> None:
    at = timezone.now() - 1000 * HOUR
    AuditEvent.objects.create(at=at, tag="failed_login", event="Failed Login", username=pat.email, request_id="phone-7")
    page = answered(as_ada, request_id="phone-7")
    assert page["unknown"].startswith("The history begins on ")
    assert (page["reason"], [state["moment"] for state in page["states"]]) == ("", [None])


def test_a_request_is_found_by_an_index(as_ada: Browser) -> None:
    others = (
        AuditEvent(
            at=timezone.now(), event="Failed Login", tag="failed_login", level="warning", request_id=f"other-{n}"
        )
        for n in range(1000)
    )
    AuditEvent.objects.bulk_create(others)
    rows = AuditEvent.objects.of_request("phone-7")[:10]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE users_auditevent")
    assert "auditevent_by_request" in rows.explain()


# --- Who may, and the links -------------------------------------------------------------------------------------
def test_only_who_may_see_events_may_ask_about_a_request(make_user: Callable[..., User], pat: User) -> None:
    sign_in_refused(pat.email)
    for role, may in (("Auditor", True), ("Staff manager", False), ("Warehouse manager", False)):
        browser = signed_in(member(make_user(f"wes.{role.split()[0].lower()}@example.test"), role))
        page = answered(browser, request_id="phone-7")
        assert ("request_id" in page["form"].fields, "events" in page) == (may, may)
        assert page["form"].errors == ({} if may else {"person": ["This field is required."]})


def test_who_may_not_see_assignments_is_told_of_none_by_a_request(
    make_user: Callable[..., User], pat: User, pat_north: Any
) -> None:
    sign_in_refused(pat.email)
    watch = Group.objects.create(name="Watch")
    watch.permissions.set(Permission.objects.filter(named(["users.view_user", "users.view_auditevent"])))
    page = answered(signed_in(member(make_user("wanda.watch@example.test"), "Watch")), request_id="phone-7")
    seen = [(one["sees_work"], one["warehouse"], one["work"], one["rights"]) for one in page["states"]]
    assert seen == [(False, None, [], [])] * 2


def test_the_page_of_an_event_leads_there_with_person_client_and_moment(as_ada: Browser, issued: Issued) -> None:
    AuditEvent.objects.all().delete()
    event = AuditEvent.objects.create(
        at=timezone.now(),
        tag="refresh_token_reused",
        event="Refresh Token Reused",
        user_uuid=issued.pat.uuid,
        client_id="picking",
        request_id="phone-7",
    )
    detail = as_ada.get(reverse("admin:users_auditevent_change", args=[event.pk])).content.decode()
    of_event, of_request = _links(detail)
    page: Any = as_ada.get(of_event).context_data
    assert (page["person"], page["client"].client_id) == (issued.pat, "picking")
    assert [state["moment"] for state in page["states"]] == [event.at, None]
    assert as_ada.get(of_request).context["events"][0].event == event
    AuditEvent.objects.update(tag="successful_login")
    assert len(_links(as_ada.get(reverse("admin:users_auditevent_change", args=[event.pk])).content.decode())) == 1


def _links(page: str) -> list[str]:
    found = page.split('href="')[1:]
    return [one.split('"')[0].replace("&amp;", "&") for one in found if one.startswith(PAGE)]
