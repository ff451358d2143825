"""Clients in the Back Office: register, edit, new secret shown once, remove with all that hangs on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client as Browser
from django.test import RequestFactory

from tests.conftest import make_client
from tests.support.api.client import FORM, INVALID_TOKEN, PASSWORD, Api, refusal, sign_in
from tests.support.back_office.staff import errors, member, signed_in, told
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS
from users.models import Session, User
from users.models.oauth.authorization_code import AuthorizationCode, CodeRefusedError
from users.models.oauth.client import Client
from users.oauth.sessions import redeem, start_session

LIST = "/admin/users/client/"
ADD = f"{LIST}add/"


def page_of(client: Client, name: str) -> str:
    return f"{LIST}{client.pk}/{name}/"


def answers(**given: str) -> dict[str, str]:
    """The form of a new client as it would be sent, with some answers changed."""
    form = {
        "client_id": "label-printer",
        "name": "Label printer",
        "is_confidential": "False",
        "redirect_uris": "https://print.example.test/cb",
        "allowed_origins": "https://print.example.test",
        "change_reason": "",
    }
    return form | given


def secret_on(answer: Any) -> str:
    (secret,) = re.findall(r'id="client-secret"[^>]* value="([^"]+)"', answer.content.decode())
    return secret


def may_sign_in(person: User, client: Client, secret: str) -> bool:
    """Whether `POST /token` takes the client with this secret."""
    form = {"grant_type": "password", "username": person.email, "password": PASSWORD}
    sent = urlencode(form | {"client_id": client.client_id, "client_secret": secret})
    answer = Browser().post("/token", sent, content_type=FORM)
    assert answer.status_code == 200 or answer.json()["error"] == "invalid_client", answer.content
    return answer.status_code == 200


@pytest.fixture
def printer(db: None) -> Client:
    """A confidential client, whose secret nobody has yet."""
    return make_client(client_id="label-printer", name="Label printer", is_confidential=True)


@pytest.fixture
def auditor(make_user: Callable[..., User]) -> Browser:
    return signed_in(member(make_user("aud.auditor@example.test"), "Auditor"))


# --- Reasons ----------------------------------------------------------------------------------------------------
def test_staff_say_that_a_confidential_client_may_read_reasons(
    as_ada: Browser, auditor: Browser, printer: Client, scanner: Client
) -> None:
    """Off at first; in the history; of a public client, which is told nothing, it is not asked."""
    assert not printer.reads_reasons
    page = f"{LIST}{printer.pk}/change/"
    assert "reads_reasons" in as_ada.get(page).context["adminform"].form.fields
    assert "reads_reasons" not in as_ada.get(f"{LIST}{scanner.pk}/change/").context["adminform"].form.fields
    as_ada.post(page, {"name": printer.name, "redirect_uris": "", "allowed_origins": "", "reads_reasons": "on"})
    printer.refresh_from_db()
    assert printer.reads_reasons
    assert "May read why somebody may not work" in auditor.get(page).content.decode()
    assert "May read why somebody may not work" in as_ada.get(f"{LIST}{printer.pk}/history/").content.decode()


def test_a_new_client_reads_reasons_if_that_is_ticked(as_ada: Browser) -> None:
    as_ada.post(ADD, answers(is_confidential="True", reads_reasons="on"))
    assert Client.objects.get().reads_reasons is True


# --- The list ---------------------------------------------------------------------------------------------------
def test_the_list_says_what_each_client_is(as_ada: Browser, scanner: Client, printer: Client) -> None:
    page = as_ada.get(LIST)
    assert [client.client_id for client in page.context["cl"].result_list] == ["label-printer", "pat-scanner"]
    for text in ("Label printer", "Confidential", "Pat&#x27;s scanner", "Public", "New client"):
        assert text in page.content.decode()


def test_above_the_list_is_the_default_client_from_the_settings(as_ada: Browser, settings: Any) -> None:
    settings.DEFAULT_CLIENT_ID = "fulfillment"
    settings.DEFAULT_CLIENT_REDIRECT_URIS = ["https://app.example.test/oauth/cb/spryker"]
    settings.DEFAULT_CLIENT_ORIGINS = ["https://app.example.test"]
    page = as_ada.get(LIST).content.decode()
    for text in ("fulfillment", "https://app.example.test/oauth/cb/spryker", "can only be changed there"):
        assert text in page


def test_search_finds_by_name_and_by_id(as_ada: Browser, scanner: Client, printer: Client) -> None:
    for text, found in (("PRINTER", "label-printer"), ("Pat's", "pat-scanner")):
        page = as_ada.get(LIST, {"q": text})
        assert [client.client_id for client in page.context["cl"].result_list] == [found]


# --- Registering ------------------------------------------------------------------------------------------------
def test_a_public_client_is_registered(as_ada: Browser) -> None:
    answer = as_ada.post(
        ADD, answers(redirect_uris="https://a.test/cb\r\n\r\n  https://b.test/cb  \r\nhttps://a.test/cb")
    )
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert told(answer) == ["Client “Label printer” was created."]
    client = Client.objects.get()
    assert client.redirect_uris == ["https://a.test/cb", "https://b.test/cb"]
    assert (client.is_confidential, client.secret_digest, client.secret_made_at) == (False, "", None)


def test_every_bad_line_is_named_and_nothing_typed_is_lost(as_ada: Browser) -> None:
    lines = "https://a.test/cb\r\nhttp://a.test/cb\r\nhttps://*.a.test/cb\r\nnonsense\r\nhttps://a.test/" + "x" * 2000
    answer = as_ada.post(ADD, answers(redirect_uris=lines, allowed_origins="https://a.test/\r\nhttps://A.test"))
    beginning = "must be the beginning of an address in small letters, with nothing after the name of the site"
    assert errors(answer) == {
        "redirect_uris": [
            "“http://a.test/cb” must begin with https://. Only localhost may be reached by http://.",
            "“https://*.a.test/cb” must not contain # or *: every address is written out in full.",
            "“nonsense” is not a complete address, such as https://app.example.com/oauth/cb.",
            f"“https://a.test/{'x' * 45}…” is longer than 2000 characters.",
        ],
        "allowed_origins": [
            f"“https://a.test/” {beginning}, such as https://app.example.com.",
            f"“https://A.test” {beginning}, such as https://app.example.com.",
        ],
    }
    form = answer.context["adminform"].form
    assert form["redirect_uris"].value() == lines
    assert form["client_id"].value() == "label-printer"
    assert Client.objects.count() == 0


@pytest.mark.parametrize(
    ("client_id", "message"),
    [
        ("", "This field is required."),
        ("label printer", "At most 100 letters, digits, dots, hyphens, underscores and tildes."),
        ("frontend", "This client comes from the settings of the site."),
        ("pat-scanner", "This client ID is already in use."),
    ],
)
def test_a_client_id_that_cannot_be_used_is_refused(
    as_ada: Browser, scanner: Client, client_id: str, message: str, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        answer = as_ada.post(ADD, answers(client_id=client_id))
    assert [*errors(answer).values()] == [[message]]


# --- Editing ----------------------------------------------------------------------------------------------------
def test_a_client_is_edited_with_no_more_than_its_page_shows(as_ada: Browser, scanner: Client) -> None:
    """As a browser sends it: what is fixed is no field of the page, and so must not be asked for."""
    form = as_ada.get(page_of(scanner, "change")).context["adminform"].form
    shown = {name: form[name].value() or "" for name in form.fields}
    assert shown.keys() == {"name", "redirect_uris", "allowed_origins", "change_reason", "seen"}
    lines = {name: "\n".join(getattr(scanner, name)) for name in ("redirect_uris", "allowed_origins")}
    answer = as_ada.post(page_of(scanner, "change"), shown | lines | {"name": "Scanner"})
    assert (answer.status_code, Client.objects.get().name) == (302, "Scanner")


def test_what_is_fixed_stays_whatever_is_sent(as_ada: Browser, scanner: Client) -> None:
    sent = answers(client_id="another", is_confidential="True", name="Scanner", redirect_uris="", allowed_origins="")
    answer = as_ada.post(page_of(scanner, "change"), sent)
    assert told(answer) == ["Client “Scanner” was saved."]
    scanner.refresh_from_db()
    assert (scanner.client_id, scanner.is_confidential, scanner.name) == ("pat-scanner", False, "Scanner")
    assert (scanner.redirect_uris, scanner.allowed_origins) == ([], [])


def test_saving_a_client_keeps_its_secret(as_ada: Browser, printer: Client) -> None:
    secret = secret_on(as_ada.post(page_of(printer, "secret")))
    as_ada.post(page_of(printer, "change"), answers(name="Printer"))
    printer.refresh_from_db()
    assert (printer.name, printer.check_client_secret(secret)) == ("Printer", True)


def test_an_edit_conflict_is_reported_before_a_change_is_overwritten(as_ada: Browser, scanner: Client) -> None:
    opened = as_ada.get(page_of(scanner, "change")).context["adminform"].form["seen"].value()
    as_ada.post(page_of(scanner, "change"), answers(name="Theirs"))
    sent = answers(name="Mine", seen=str(opened))

    refused = as_ada.post(page_of(scanner, "change"), sent)

    (_, what) = refused.context["adminform"].form.non_field_errors()
    assert "Name: Pat's scanner → Theirs" in what
    scanner.refresh_from_db()
    assert scanner.name == "Theirs"
    again = sent | {"seen": str(refused.context["adminform"].form["seen"].value())}
    assert told(as_ada.post(page_of(scanner, "change"), again))[-1] == "Client “Mine” was saved."


def test_a_client_that_the_settings_have_taken_over_can_still_be_edited(
    as_ada: Browser, scanner: Client, settings: Any
) -> None:
    settings.DEFAULT_CLIENT_ID = "pat-scanner"
    assert as_ada.post(page_of(scanner, "change"), answers(name="Old scanner")).status_code == 302


def test_an_address_taken_away_is_taken_no_more_from_the_next_request_on(as_ada: Browser, scanner: Client) -> None:
    known = Client.objects.known
    assert known("pat-scanner").check_redirect_uri("https://scan.example.test/cb")  # type: ignore[union-attr]
    as_ada.post(page_of(scanner, "change"), answers(redirect_uris="", allowed_origins=""))
    assert not known("pat-scanner").check_redirect_uri("https://scan.example.test/cb")  # type: ignore[union-attr]
    assert Client.objects.origins() == set()


def test_an_auditor_reads_every_line_and_finds_no_button(auditor: Browser, printer: Client) -> None:
    page = auditor.get(page_of(printer, "change")).content.decode()
    for text in ("label-printer", "https://scan.example.test/cb", "https://scan.example.test", "keeps a secret"):
        assert text in page
    for text in ('name="_save"', "Make a new secret", "Remove client"):
        assert text not in page


# --- The secret -------------------------------------------------------------------------------------------------
def test_the_secret_of_a_new_client_is_shown_at_once_and_works(as_ada: Browser, pat: User) -> None:
    answer = as_ada.post(ADD, answers(is_confidential="True"))
    assert answer.status_code == 200
    client, secret = Client.objects.get(), secret_on(answer)
    assert may_sign_in(pat, client, secret)
    assert not may_sign_in(pat, client, secret + "x")


def test_a_new_secret_replaces_the_one_before_at_once(as_ada: Browser, printer: Client, pat: User) -> None:
    asked = as_ada.get(page_of(printer, "secret"))
    assert "stops working at once" in asked.content.decode()
    old = secret_on(as_ada.post(page_of(printer, "secret")))
    assert may_sign_in(pat, printer, old)
    new = secret_on(as_ada.post(page_of(printer, "secret")))
    assert (may_sign_in(pat, printer, new), may_sign_in(pat, printer, old)) == (True, False)


def test_the_page_that_only_asks_changes_nothing(
    as_ada: Browser, printer: Client, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        as_ada.get(page_of(printer, "secret"))
        as_ada.get(page_of(printer, "delete"))


def test_a_public_client_gets_no_secret(as_ada: Browser, scanner: Client, nothing_changes: Callable[[], Any]) -> None:
    with nothing_changes():
        assert as_ada.post(page_of(scanner, "secret")).status_code == 404


def test_a_secret_is_in_one_answer_and_nowhere_else(
    as_ada: Browser, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    added = as_ada.post(ADD, answers(is_confidential="True"))
    client = Client.objects.get()
    renewed = as_ada.post(page_of(client, "secret"))
    for answer in (added, renewed):
        assert "no-store" in answer["Cache-Control"]
        assert not answer.has_header("Location")
    secrets = {secret_on(added), secret_on(renewed)}
    kept = [
        *Client.objects.values(),
        *Client.pgh_event_model.objects.values(),
        *LogEntry.objects.values(),
        dict(as_ada.session),
        *(cookie.value for cookie in as_ada.cookies.values()),
        *(as_ada.get(path).content.decode() for path in (LIST, page_of(client, "change"), page_of(client, "history"))),
        capsys.readouterr(),
        *(record.getMessage() for record in caplog.records),
    ]
    assert len(secrets) == 2
    assert [one for one in kept for secret in secrets if secret in str(one)] == []


def test_history_shows_when_a_secret_was_made_and_why(as_ada: Browser, printer: Client) -> None:
    as_ada.post(page_of(printer, "secret"), {"change_reason": "It was in an e-mail"})
    for path in (page_of(printer, "history"), "/admin/history/?kind=users.client"):
        page = as_ada.get(path).content.decode()
        assert "Secret made" in page
        assert "It was in an e-mail" in page


def test_history_shows_addresses_before_and_after(as_ada: Browser, scanner: Client) -> None:
    lines = "https://a.test/cb\nhttps://b.test/cb"
    as_ada.post(page_of(scanner, "change"), answers(name=scanner.name, redirect_uris=lines, allowed_origins=""))
    (changed, _) = as_ada.get(page_of(scanner, "history")).context["changes"]
    assert [(one.label, one.before, one.after) for one in changed.differences] == [
        ("Redirect addresses", "https://scan.example.test/cb", "https://a.test/cb, https://b.test/cb"),
        ("Allowed origins", "https://scan.example.test", ""),
    ]


# --- Removing ---------------------------------------------------------------------------------------------------
def code_for(person: User, client_id: str) -> AuthorizationCode:
    given = {"client_id": client_id, "redirect_uri": "", "scope": "", "challenge": "x" * 43}
    return AuthorizationCode.objects.store(f"code for {client_id}", person, **given)


def test_removing_a_client_says_what_ends_and_ends_it(as_ada: Browser, scanner: Client, pat: User, sam: User) -> None:
    through = Api(sign_in(pat.email, client_id="pat-scanner")["access_token"])
    sign_in(sam.email, client_id="pat-scanner")
    other = Api(sign_in(pat.email)["access_token"])
    code_for(pat, "pat-scanner")
    kept = code_for(pat, "frontend")
    assert "2 open sessions" in as_ada.get(page_of(scanner, "delete")).content.decode()

    answer = as_ada.post(page_of(scanner, "delete"), {"change_reason": "Replaced"})

    assert told(answer) == ["Client “Pat's scanner” was removed, and 2 open sessions ended."]
    assert refusal(through.get("/users")) == [INVALID_TOKEN]
    assert other.get("/users").status_code == 200
    reasons = Session.objects.order_by("client_id", "user").values_list("client_id", "end_reason")
    assert [*reasons] == [("frontend", ""), *[("pat-scanner", "client removed")] * 2]
    assert [*AuthorizationCode.objects.all()] == [kept]
    assert Client.objects.count() == 0
    assert "Replaced" in as_ada.get("/admin/history/?kind=users.client").content.decode()


def test_a_client_that_is_gone_by_now_is_said_to_be(as_ada: Browser, scanner: Client) -> None:
    path = page_of(scanner, "delete")
    as_ada.post(path)
    answer = as_ada.post(path)
    assert answer.status_code == 302
    assert "Perhaps it was deleted?" in told(answer)[-1]


def test_nobody_signs_in_with_a_client_removed_since_it_was_asked(scanner: Client, pat: User) -> None:
    code = code_for(pat, "pat-scanner")
    Client.objects.all().delete()
    request = RequestFactory().get("/")
    assert start_session(pat, client_id="pat-scanner", requested_scope="", request=request) is None
    with pytest.raises(CodeRefusedError):
        redeem(code, scanner, request)
    assert Session.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_removal_waits_for_a_sign_in_under_way_and_ends_it_too(scanner: Client, pat: User) -> None:
    def remove() -> int:
        try:
            return Client.objects.get().remove()
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        with transaction.atomic():
            request = RequestFactory().get("/")
            assert start_session(pat, client_id="pat-scanner", requested_scope="", request=request)
            removal = threads.submit(remove)
            wait_until_blocked(connection.connection)
        assert removal.result(timeout=MOST_SECONDS) == 1
    assert Session.objects.live().count() == 0


def test_making_and_removing_are_audited_by_client_id_alone(
    as_ada: Browser, printer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    as_ada.post(page_of(printer, "secret"))
    as_ada.post(page_of(printer, "delete"))
    lines = [record.msg for record in caplog.records if record.name == "security" and isinstance(record.msg, dict)]
    known = [{name: line.get(name) for name in ("event", "tag", "client_id")} for line in lines]
    assert known == [
        {"event": "Client Secret Made", "tag": "client_secret_made", "client_id": "label-printer"},
        {"event": "Client Removed", "tag": "client_removed", "client_id": "label-printer"},
    ]
