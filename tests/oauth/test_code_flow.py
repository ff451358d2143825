"""`POST /authorize` and the grant `authorization_code` (contract sections 0.4, 2.1, 2.2 and 6; RFC 6749, RFC 7636)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client as Browser

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, PASSWORD, Api, refusal
from tests.support.cases import each
from tests.support.oauth.code_flow import (
    APP,
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_REFRESH_TOKEN,
    MALFORMED,
    PARTNER,
    VERIFIER,
    ask,
    assert_refused,
    basic,
    code_for,
    login_form,
    redeem,
    refresh,
    register,
    security_lines,
    send,
    signed_in,
)
from users.models import Session, User
from users.models.oauth.authorization_code import AuthorizationCode
from users.models.oauth.client import Client

Watch = Callable[[], Any]
pytestmark = pytest.mark.usefixtures("app")


def scopes_of(tokens: dict[str, Any]) -> list[str]:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["scopes"]


def pass_time(seconds: int) -> None:
    """Makes every code so much older."""
    AuthorizationCode.objects.update(expires_at=F("expires_at") - timedelta(seconds=seconds))


# --- The app's way in -------------------------------------------------------------------------------------------
def test_the_apps_login_form_gets_an_array_of_one_with_a_code_only(pat: User) -> None:
    answer = ask(pat)
    assert answer.status_code == 200
    (element,) = answer.json()
    assert list(element) == ["code"]
    assert len(element["code"]) >= 43
    assert answer["Content-Type"] == "application/json"
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    assert not answer.cookies
    assert Session.objects.count() == 0


def test_the_state_comes_back_only_if_it_was_sent(pat: User) -> None:
    for state in ("af0ifjsldkj", "ünï/?&=#", " "):
        assert ask(pat, state=state).json()[0]["state"] == state
    assert list(ask(pat, state="").json()[0]) == ["code"]


@each("path", ["/authorize", "/authorize/"])
@each("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
@each("camel_case", [False, True])
def test_the_form_may_be_json_in_either_spelling(pat: User, path: str, content_type: str, camel_case: bool) -> None:
    form = login_form(pat)
    if camel_case:
        form = {_camel_case(name): value for name, value in form.items()}
    answer = Browser().post(path, json.dumps(form), content_type=content_type)
    assert (answer.status_code, [list(element) for element in answer.json()]) == (200, [["code"]])
    assert redeem(answer.json()[0]["code"]).status_code == 200


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def test_the_code_is_good_for_one_flat_object(pat: User) -> None:
    answer = redeem(code_for(pat))
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"token_type", "expires_in", "access_token", "refresh_token"}  # so no id_token, and no null
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 28_800)
    assert all(isinstance(body[name], str) and body[name] for name in ("access_token", "refresh_token"))
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json", "no-store")
    assert "WWW-Authenticate" not in answer
    assert not answer.cookies


def test_the_tokens_of_a_code_do_what_those_of_a_password_do(pat: User, pat_north: WarehouseUserAssignment) -> None:
    pat_north.activate()
    tokens = signed_in(pat)
    caller = Api(tokens["access_token"])
    assert [row["id"] for row in caller.get(ASSIGNMENTS).json()["data"]] == [str(pat_north.uuid)]
    assert caller.post("/warehouse-tokens").status_code == 201
    session = Session.objects.get()
    assert (session.user, session.client_id, session.address) == (pat, "frontend", "192.0.2.7")
    assert refresh(tokens["refresh_token"], client_id="frontend").status_code == 200


def test_the_default_client_need_not_be_named_at_token(pat: User) -> None:
    assert redeem(code_for(pat), client_id=None).status_code == 200


def test_two_people_who_ask_within_a_minute_are_both_let_in(pat: User, sam: User) -> None:
    codes = {user: code_for(user) for user in (pat, sam)}
    for user, code in codes.items():
        tokens = redeem(code).json()
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert json.loads(claims["sub"])["uuid"] == str(user.uuid)


def test_one_person_who_asks_twice_gets_two_codes_and_two_sessions(pat: User) -> None:
    first, second = code_for(pat), code_for(pat)
    assert first != second
    assert [redeem(code).status_code for code in (first, second)] == [200, 200]
    assert Session.objects.count() == 2


def test_codes_are_kept_as_digests_only(pat: User) -> None:
    code = code_for(pat)
    assert code not in str(AuthorizationCode.objects.values())


# --- The redirect address ---------------------------------------------------------------------------------------
def test_an_address_left_out_is_the_one_that_is_registered(pat: User) -> None:
    assert redeem(code_for(pat, redirect_uri=None), redirect_uri=None).status_code == 200


@pytest.mark.parametrize("registered", [[], [APP, PARTNER]], ids=["none", "two"])
def test_no_address_may_be_left_out_where_none_or_two_are_registered(
    pat: User, settings: Any, nothing_changes: Watch, registered: list[str]
) -> None:
    settings.DEFAULT_CLIENT_REDIRECT_URIS = registered
    with nothing_changes():
        assert_refused(ask(pat, redirect_uri=None), BAD_CLIENT)


def test_each_of_two_registered_addresses_is_good(pat: User, settings: Any) -> None:
    settings.DEFAULT_CLIENT_REDIRECT_URIS = [APP, PARTNER]
    for address in (APP, PARTNER):
        assert redeem(code_for(pat, redirect_uri=address), redirect_uri=address).status_code == 200


# --- The order of checks ----------------------------------------------------------------------------------------
#: What is wrong with the form, in the order in which it is told (contract section 2.2). Each entry is checked
#: together with everything after it, so that it must be the first to be noticed.
WRONGS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("no client", {"client_id": None}, MALFORMED),
    ("no response type", {"response_type": None}, MALFORMED),
    ("response type token", {"response_type": "token"}, MALFORMED),
    ("response type of two words", {"response_type": "code token"}, MALFORMED),
    ("unknown client", {"client_id": "stranger"}, BAD_CLIENT),
    ("another address", {"redirect_uri": "https://evil.example.test/"}, BAD_CLIENT),
    ("no challenge", {"code_challenge": None}, MALFORMED),
    ("short challenge", {"code_challenge": "a" * 42}, MALFORMED),
    ("plain challenge", {"code_challenge_method": "plain"}, MALFORMED),
    ("no method", {"code_challenge_method": None}, MALFORMED),
    ("no user name", {"username": None}, MALFORMED),
    ("no password", {"password": None}, MALFORMED),
    ("wrong password", {"password": "wrong-Horse-7!"}, BAD_CREDENTIALS),
    ("unknown user", {"username": "nobody@example.test"}, BAD_CREDENTIALS),
]


@each("index", range(len(WRONGS)), ids=[name for name, _, _ in WRONGS])
def test_faults_are_reported_in_the_order_of_the_contract(pat: User, nothing_changes: Watch, index: int) -> None:
    _, changes, expected = WRONGS[index]
    later: dict[str, Any] = {}
    for _, change, _ in reversed(WRONGS[index + 1 :]):
        later |= change
    with nothing_changes():
        assert_refused(ask(pat, **changes), expected)
        assert_refused(ask(pat, **later | changes), expected)


def test_name_and_password_alone_are_400(pat: User, nothing_changes: Watch) -> None:
    with nothing_changes():
        assert_refused(send("/authorize", {"username": pat.email, "password": PASSWORD}), MALFORMED)


# --- Scopes -----------------------------------------------------------------------------------------------------
@each(
    ("is_warehouse_user", "requested", "granted"),
    [
        (True, "user", ["user", "warehouse-user"]),
        (True, None, ["user", "warehouse-user"]),
        (True, "back-office-user", ["user", "warehouse-user"]),
        (True, "user back-office-user warehouse nonsense", ["user", "warehouse-user"]),
        (False, None, ["user", "back-office-user"]),
        (False, "user", ["user"]),
        (False, "warehouse-user", ["user"]),
        (False, "nonsense", ["user", "back-office-user"]),
    ],
)
def test_scopes_come_from_the_account_and_are_only_narrowed(
    make_user: Callable[..., User], is_warehouse_user: bool, requested: str | None, granted: list[str]
) -> None:
    user = make_user("kim.keeper@example.test", is_warehouse_user=is_warehouse_user)
    assert scopes_of(signed_in(user, scope=requested)) == granted


def test_asking_for_the_back_office_shows_a_warehouse_user_nobody_elses_rows(
    pat: User, sam_north: WarehouseUserAssignment, nothing_changes: Watch
) -> None:
    caller = Api(signed_in(pat, scope="back-office-user")["access_token"])
    with nothing_changes():
        assert caller.get(ASSIGNMENTS).json()["data"] == []
        assert caller.delete(f"{ASSIGNMENTS}/{sam_north.uuid}").status_code == 403


# --- A minute, and nothing in between ---------------------------------------------------------------------------
def test_a_code_is_good_for_a_minute(pat: User, settings: Any, nothing_changes: Watch) -> None:
    assert settings.AUTHORIZATION_CODE_SECONDS == 60
    early, late = code_for(pat), code_for(pat)
    pass_time(50)
    assert redeem(early).status_code == 200
    pass_time(10)
    with nothing_changes():
        assert_refused(redeem(late), MALFORMED)


def _set_password(user: User) -> None:
    user.set_password("another-Horse-8!")
    user.save()


def _edit(user: User, **changes: Any) -> None:
    """As staff do it on the person's page."""
    from django.contrib.auth.models import Group

    chief = User.objects.create_superuser("root.boss@example.test", PASSWORD, first_name="Root", last_name="Boss")
    browser = Browser()
    browser.force_login(chief)
    form = {"email": user.email, "first_name": "Pat", "last_name": "Picker", "language": "en_US", "status": "active"}
    form |= {"is_warehouse_user": "on", "groups": [Group.objects.get(name="Auditor").pk]} | changes
    sent = {name: value for name, value in form.items() if value is not None}
    assert browser.post(f"/admin/users/user/{user.pk}/change/", sent).status_code == 302


EVENTS: dict[str, Callable[[User], Any]] = {
    "blocked": lambda user: User.objects.filter(pk=user.pk).update(status="blocked"),
    "deleted": lambda user: User.objects.filter(pk=user.pk).update(status="deleted"),
    "employment ended": lambda user: User.objects.filter(pk=user.pk).update(employed_until=Now()),
    "blocked by staff": lambda user: _edit(user, status="blocked"),
    "flag changed by staff": lambda user: _edit(user, is_warehouse_user=None),
    "password changed": _set_password,
    "signed out everywhere": lambda user: user.end_sessions("lost phone"),
    "signed out everywhere by themselves": lambda user: send(
        "/revoke", {"token": signed_in(user)["access_token"], "everywhere": "true"}
    ),
}


@each("event", EVENTS.values(), ids=EVENTS.keys())
def test_what_would_end_a_session_voids_the_code(
    pat: User, nothing_changes: Watch, event: Callable[[User], Any]
) -> None:
    code = code_for(pat)
    event(pat)
    with nothing_changes():
        assert_refused(redeem(code), MALFORMED)


def test_a_block_that_was_lifted_again_leaves_the_code_void(pat: User, nothing_changes: Watch) -> None:
    code = code_for(pat)
    _edit(pat, status="blocked")
    User.objects.filter(pk=pat.pk).update(status="active")
    with nothing_changes():
        assert_refused(redeem(code), MALFORMED)


# --- Once -------------------------------------------------------------------------------------------------------
def test_a_replayed_code_ends_the_session_it_made_and_no_other(pat: User, pat_north: WarehouseUserAssignment) -> None:
    pat_north.activate()
    other = Api(signed_in(pat)["access_token"])
    code = code_for(pat)
    tokens = redeem(code).json()
    caller = Api(tokens["access_token"])
    given = caller.post("/warehouse-tokens").json()[0]
    assert_refused(redeem(code), MALFORMED)
    assert refusal(caller.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert_refused(refresh(tokens["refresh_token"]), BAD_REFRESH_TOKEN)
    assert_refused(refresh(given["refreshToken"]), BAD_REFRESH_TOKEN)
    assert _is_active(given["accessToken"]) is False
    assert other.get(ASSIGNMENTS).status_code == 200
    assert list(Session.objects.exclude(ended_at=None).values_list("end_reason", flat=True)) == [
        "authorization code used twice"
    ]


def _is_active(token: str) -> bool:
    """What a confidential client is told of it."""
    service = register("service")
    answer = send("/introspect", {"token": token}, Authorization=basic("service", service.secret))
    assert answer.status_code == 200
    return answer.json()["active"]


@pytest.mark.parametrize("changes", [{}, {"redirect_uri": PARTNER}, {"code_verifier": "b" * 43}], ids=str)
def test_a_replay_counts_whatever_else_is_wrong_with_it(pat: User, changes: dict[str, str]) -> None:
    code = code_for(pat)
    tokens = redeem(code).json()
    pass_time(3_600)
    assert_refused(redeem(code, **changes), MALFORMED)
    assert refusal(Api(tokens["access_token"]).get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_replay_by_another_client_ends_nothing(pat: User, partner: Client, nothing_changes: Watch) -> None:
    code = code_for(pat)
    redeem(code)
    with nothing_changes():
        stranger = basic("partner", partner.secret)
        assert_refused(redeem(code, client_id=None, authorization=stranger), MALFORMED)


def test_a_mistake_uses_no_code_up(pat: User) -> None:
    code = code_for(pat)
    for changes in ({"redirect_uri": PARTNER}, {"code_verifier": "b" * 43}, {"code_verifier": None}):
        assert redeem(code, **changes).status_code == 400
    assert redeem(code).status_code == 200


# --- Throttling and the log -------------------------------------------------------------------------------------
def test_failures_at_authorize_and_at_token_count_together(pat: User, nothing_changes: Watch) -> None:
    wrong = {"grant_type": "password", "username": pat.email, "password": "wrong-Horse-7!"}
    for _ in range(4):
        assert_refused(send("/token", wrong), BAD_CREDENTIALS)
    for _ in range(5):
        assert_refused(ask(pat, password="wrong-Horse-7!"), BAD_CREDENTIALS)
    with nothing_changes():
        for answer in (ask(pat), send("/token", wrong | {"password": PASSWORD})):
            seconds = answer["Retry-After"]
            words = f"Too many failed sign-ins. Please try again in {seconds} seconds."
            assert_refused(answer, ("invalid_grant", words), status=429)
            assert 350 < int(seconds) <= 360
    assert send("/authorize", login_form(pat), address="192.0.2.8").status_code == 200


def test_each_step_is_logged_with_the_name_and_never_a_secret(pat: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        ask(pat, password="wrong-Horse-7!")
        code = code_for(pat)
        tokens = redeem(code).json()
        redeem(code)
    lines = security_lines(caplog)
    assert [(line["level"], line["event"], line.get("username")) for line in lines] == [
        ("WARNING", "Failed Login", pat.email),
        ("INFO", "Authorization Code Made", pat.email),
        ("INFO", "Successful Login", pat.email),
        ("WARNING", "Authorization Code Replayed", None),
        ("INFO", "Session Ended", None),
    ]
    assert lines[3]["user_uuid"] == str(pat.uuid)
    told = str(lines)
    for secret in (code, VERIFIER, PASSWORD, "wrong-Horse-7!", tokens["access_token"], tokens["refresh_token"]):
        assert secret not in told
