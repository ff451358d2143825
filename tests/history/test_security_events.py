"""Security events: each is a log line and a row, kept whatever else happens, and never with a secret."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.models import F
from django.test import Client

from config.audit.event_titles import TITLES
from config.audit.log import audit, json_formatter
from tests.support.api.client import FORM, PASSWORD, Api, sign_in
from tests.support.back_office.history import ask
from tests.support.back_office.staff import NEW_PASSWORD
from tests.support.cases import each
from tests.support.oauth import code_flow
from tests.support.sign_in.login import delivered
from users.models import Session, User
from users.models.audit_event import AuditEvent
from users.sign_in.account_recovery import unlock_sign_in

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def the_row(**wanted: Any) -> AuditEvent:
    """The one row of a kind."""
    return AuditEvent.objects.get(**wanted)


def told(row: AuditEvent) -> dict[str, Any]:
    """What a row says, without its key and the moment."""
    names = [column.name for column in AuditEvent._meta.concrete_fields if column.name not in ("id", "at", "account")]
    return {name: getattr(row, name) for name in names if getattr(row, name) not in ("", None, {})}


def token(username: str, password: str = PASSWORD, **headers: str) -> Any:
    body = {"grant_type": "password", "username": username, "password": password}
    return Client().post("/token", urlencode(body), content_type=FORM, headers={"User-Agent": BROWSER, **headers})


# --- The events of contract section 4.5 -------------------------------------------------------------------------
def test_a_sign_in_is_kept_with_where_it_came_from(pat: User) -> None:
    assert token(pat.email, **{"X-Request-Id": "phone-7"}).status_code == 200

    row = the_row(tag="successful_login")
    assert (row.event, row.level, row.username) == ("Successful Login", "info", pat.email)
    assert (row.address, row.user_agent, row.request_id, row.path) == ("127.0.0.1", BROWSER, "phone-7", "/token")


@each("sent", ["two words", "a\tb", "ü", "<b>", '"', "{}", "a" * 65])
def test_a_request_id_that_a_log_cannot_bear_is_replaced(pat: User, sent: str) -> None:
    assert token(pat.email, **{"X-Request-Id": sent}).status_code == 200
    assert re.fullmatch("[0-9a-f]{32}", the_row(tag="successful_login").request_id)


def test_a_refused_sign_in_is_kept_as_it_was_typed(pat: User) -> None:
    assert token("Nobody@example.test", "a-guess-that-fails").status_code == 400

    row = the_row()
    assert told(row) | {"request_id": ""} == {
        "event": "Failed Login",
        "tag": "failed_login",
        "level": "warning",
        "username": "Nobody@example.test",
        "address": "127.0.0.1",
        "user_agent": BROWSER,
        "request_id": "",
        "path": "/token",
    }
    assert re.fullmatch("[0-9a-f]{32}", row.request_id)


def test_sign_ins_to_the_back_office_are_recorded(olive: User) -> None:
    path = "/admin/login/"
    Client().post(path, {"username": olive.email, "password": "a-guess-that-fails"})
    Client().post(path, {"username": olive.email, "password": PASSWORD})

    rows = AuditEvent.objects.order_by("id").values_list("event", "username", "path")
    assert list(rows) == [("Failed Login", olive.email, path), ("Successful Login", olive.email, path)]


def test_a_warehouse_token_given_or_refused_is_kept_with_the_persons_uuid(
    as_pat: Api, pat: User, pat_north: Any
) -> None:
    assert as_pat.post("/warehouse-tokens").status_code == 403
    pat_north.activate()
    assert as_pat.post("/warehouse-tokens").status_code == 201

    events = AuditEvent.objects.filter(user_uuid=pat.uuid, path="/warehouse-tokens").order_by("id")
    assert list(events.values_list("tag", "event", "level", "path")) == [
        ("warehouse_user_failed_login", "Failed Login (Warehouse User)", "warning", "/warehouse-tokens"),
        ("warehouse_user_successful_login", "Successful Login (Warehouse User)", "info", "/warehouse-tokens"),
    ]


def test_a_forgotten_password_is_kept_when_asked_for_and_when_it_is_new(olive: User, watch_mail: Any) -> None:
    client = Client()
    client.post("/admin/password_reset/", {"email": olive.email})
    link = re.search(r"/admin/reset/\S+", watch_mail()[0].body)[0]  # type: ignore[index]
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})

    requested, updated = the_row(tag="password_reset_requested"), the_row(tag="password_updated_after_reset")
    assert (requested.event, requested.username) == ("Password Reset Requested", olive.email)
    assert (updated.event, updated.username) == ("Password Updated after Reset", olive.email)
    assert link.split("/")[-2] not in updated.path


def test_the_history_names_who_set_a_password_by_a_reset_link(olive: User, watch_mail: Any) -> None:
    """Not the client of the session that ended."""
    sign_in(olive.email)
    test_a_forgotten_password_is_kept_when_asked_for_and_when_it_is_new(olive, watch_mail)
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    browser = Client()
    browser.force_login(User.objects.get(pk=olive.pk), backend="django.contrib.auth.backends.ModelBackend")

    (ended,) = [one for one in ask(browser, kind="users.session") if one.label == "update"]

    assert (ended.who, ended.through) == (olive.email, "Back Office")


@pytest.fixture
def watch_mail() -> Callable[[], list[Any]]:
    """What the postman has delivered, once he is back."""
    return delivered


# --- What a row adds --------------------------------------------------------------------------------------------
def test_an_event_without_a_tag_gets_one(pat: User) -> None:
    unlock_sign_in(pat)
    assert told(the_row()) == {
        "event": "Sign-in Unlocked",
        "tag": "sign_in_unlocked",
        "level": "info",
        "user_uuid": pat.uuid,
        "details": {"failures": 0, "wrong_codes": 0},
    }


def test_who_did_it_at_the_back_office_is_kept(as_ada: Client, ada: User, pat: User) -> None:
    as_ada.post(f"/admin/users/user/{pat.pk}/unlock-sign-in/")
    assert the_row(tag="sign_in_unlocked").details == {"failures": 0, "wrong_codes": 0, "by": ada.email}


def test_a_session_that_ends_is_kept_with_its_reason(pat: User) -> None:
    sign_in(pat.email)
    session = Session.objects.get()
    session.end("lost phone")
    row = the_row(tag="session_ended")
    assert (row.session, row.details) == (session.pk, {"reason": "lost phone"})


def test_every_line_of_a_request_names_it(pat: User, written: io.StringIO) -> None:
    token(pat.email, "a-guess-that-fails", **{"X-Request-Id": "phone-8"})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["security", "django.request"]
    assert {(line["request_id"], line["path"], line["address"]) for line in lines} == {
        ("phone-8", "/token", "127.0.0.1")
    }


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What standard error would get."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(json_formatter())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def test_what_no_request_does_names_none(pat: User) -> None:
    Client().get("/schema")
    unlock_sign_in(pat)
    assert (the_row().request_id, the_row().path, the_row().address) == ("", "", None)


@pytest.mark.parametrize("typed", ["\x00nobody", "nobody\ud800", "n" * 5_000, "' OR 1=1 --", "%s {}"])
def test_nothing_that_can_be_typed_keeps_a_refusal_out_of_the_table(typed: str) -> None:
    audit.warning("Failed Login", tag="failed_login", username=typed, why=typed)
    row = the_row()
    assert len(row.username) <= 254
    assert (row.username[:3], row.details["why"][:3]) == (typed.lstrip("\x00")[:3],) * 2


# --- Lines and rows in good and bad times -----------------------------------------------------------------------
def lines_of(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.msg for record in caplog.records if record.name == "security"]


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_has_a_line_and_no_row(pat: User, caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        pat.end_sessions("lost phone")
        transaction.set_rollback(True)
    assert [line["event"] for line in lines_of(caplog)] == ["Sessions Ended"]
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_cannot_be_written_spoils_neither_line_nor_answer_nor_transaction(
    pat: User, caplog: pytest.LogCaptureFixture, table_is_full: None
) -> None:
    assert token(pat.email).status_code == 200
    with transaction.atomic():
        pat.end_sessions("lost phone")
    assert Session.objects.get().end_reason == "lost phone"
    assert [line["event"] for line in lines_of(caplog)] == ["Successful Login", "Sessions Ended"]
    assert caplog.text.count("An audit event could not be kept as a row") == 2


@pytest.fixture
def table_is_full(transactional_db: None) -> Iterator[None]:
    """No row can be added."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users_auditevent ADD CONSTRAINT full_up CHECK (id < 0) NOT VALID")
        yield
        cursor.execute("ALTER TABLE users_auditevent DROP CONSTRAINT full_up")


@pytest.mark.django_db(transaction=True)
def test_an_event_in_a_broken_transaction_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        with pytest.raises(DataError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        audit.warning("Failed Login", tag="failed_login", username="nobody")
        transaction.set_rollback(True)
    assert [line["event"] for line in lines_of(caplog)] == ["Failed Login"]
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_refusals_stay_whatever_their_request_takes_back(pat: User, olive: User) -> None:
    """They are told outside of any transaction."""
    assert token(pat.email, "a-guess-that-fails").status_code == 400
    access = sign_in(pat.email)
    assert Api(access["access_token"]).post("/warehouse-tokens").status_code == 403
    Client().post("/admin/login/", {"username": pat.email, "password": PASSWORD})
    replay(access["refresh_token"])

    assert set(AuditEvent.objects.filter(level="warning").values_list("tag", "path")) == {
        ("failed_login", "/token"),
        ("warehouse_user_failed_login", "/warehouse-tokens"),
        ("failed_login", "/admin/login/"),
        ("refresh_token_reused", "/token"),
    }
    assert the_row(tag="session_ended").details["reason"] == "refresh token used twice"


def test_tries_while_an_account_is_closed_fill_no_table(olive: User, caplog: pytest.LogCaptureFixture) -> None:
    """Each has its line; only what was looked at has a row, and as many of the others."""
    answers = [token(olive.email, "a-guess-that-fails").status_code for _ in range(22)]
    page = Client().post("/admin/login/", {"username": olive.email, "password": PASSWORD})

    assert (answers, page.status_code) == ([400] * 9 + [429] * 13, 429)
    tags = AuditEvent.objects.filter(username=olive.email).order_by("id").values_list("tag", flat=True)
    assert list(tags) == ["failed_login"] * 9 + ["sign_in_locked"] * 9
    assert AuditEvent.objects.count() == 18
    closed = code_flow.lines_of(caplog, "Sign-in Refused While Closed")
    assert [line["username"] for line in closed] == [olive.email] * 14


def test_there_is_room_for_events_of_another_kind_and_of_later(db: None) -> None:
    for _ in range(settings.SIGN_IN_FAILURES):
        assert AuditEvent.objects.has_room("sign_in_locked")
        audit.warning("Sign-in Refused While Closed", tag="sign_in_locked", username="nobody")
    assert not AuditEvent.objects.has_room("sign_in_locked")
    assert AuditEvent.objects.named(email="somebody").has_room("sign_in_locked")
    assert AuditEvent.objects.has_room("failed_login")
    AuditEvent.objects.update(at=F("at") - timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS))
    assert AuditEvent.objects.has_room("sign_in_locked")


def replay(refresh_token: str) -> None:
    """Uses a refresh token, its successor, and then the first one again."""
    body = f"grant_type=refresh_token&refresh_token={refresh_token}"
    successor = Client().post("/token", body, content_type=FORM).json()["refresh_token"]
    assert Client().post("/token", body.replace(refresh_token, successor), content_type=FORM).status_code == 200
    assert Client().post("/token", body, content_type=FORM).status_code == 400


def test_events_are_kept_whatever_log_level_the_operator_chooses(pat: User) -> None:
    logging.getLogger().setLevel(logging.ERROR)
    try:
        unlock_sign_in(pat)
    finally:
        logging.getLogger().setLevel(settings.LOG_LEVEL)
    assert the_row().tag == "sign_in_unlocked"


# --- Names ------------------------------------------------------------------------------------------------------
def test_every_event_has_its_title() -> None:
    """The list in `config.audit.event_titles` is what the Back Office offers to filter by, and translates."""
    from users.models.audit_event import tag_of

    called = {tag or tag_of(event): event for event, tag in calls()}
    assert {tag: event for tag, event in called.items() if TITLES.get(tag) != event} == {}


def calls() -> Iterator[tuple[str, str]]:
    """Event and tag of each call of `audit`."""
    for folder in ("users", "assignments", "warehouses", "config"):
        for path in (settings.BASE_DIR / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and re.match(r"audit\.(info|warning|error)$", ast.unparse(node.func)):
                    tags = [ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg == "tag"]
                    yield ast.literal_eval(node.args[0]), (tags or [""])[0]
