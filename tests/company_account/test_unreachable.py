"""A provider that does not answer, answers without end, or names addresses that are not its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cases import each
from tests.support.company_account.forger import Forger, Walk
from tests.support.company_account.site import page_text, refusals
from tests.support.sign_in.login import is_in, log_in
from users.company_account import client
from users.models import AuditEvent, CompanySession, User

UNAVAILABLE = (
    "Back Office The company account is not available Forger does not answer as it should. Try again in a few "
    "minutes. If you ask for help, name this code: CODE Back to the login page"
)


def refused(answer: Any, reason: dict[str, str]) -> None:
    assert (answer.status_code, page_text(answer)) == (503, UNAVAILABLE)
    (event,) = refusals()
    assert event == {"provider": "Forger", "username": "", **reason}
    assert not is_in(answer.client)
    assert not CompanySession.objects.exists()
    AuditEvent.objects.all().delete()


FOREIGN = "its metadata names an address of another host"
ELSEWHERE = "https://evil.example.test/x"
#: What is wrong → the metadata, the reason and the claim of the event.
WRONG_METADATA: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "another issuer": ({"issuer": "https://evil.example.test"}, {"reason": "its metadata names another issuer"}),
    **{
        f"a foreign {name}": ({name: url}, {"reason": FOREIGN, "claim": name})
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        for url in (ELSEWHERE, "http://169.254.169.254/latest", "file:///etc/passwd", None)
    },
}


@each(("metadata", "reason"), WRONG_METADATA.values(), WRONG_METADATA)
def test_only_addresses_of_the_provider_are_called(
    metadata: dict[str, Any], reason: dict[str, str], linked: User, walk: Walk, forger: Forger
) -> None:
    forger.metadata = metadata
    refused(walk.begin(), reason)
    assert forger.calls == ["/.well-known/openid-configuration"]
    forger.calls.clear()


def test_after_a_failure_nobody_waits_for_a_while(
    linked: User, walk: Walk, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_SECONDS", 3_600)
    forger.metadata = {"issuer": "https://evil.example.test"}
    assert [walk.begin().status_code for _ in range(3)] == [503, 503, 503]
    assert forger.calls == ["/.well-known/openid-configuration"]
    assert refusals()[1]["reason"] == "it did not answer a few seconds ago, and is not asked again yet"
    monkeypatch.setattr(client, "RETRY_SECONDS", 0)
    forger.metadata = {}
    assert walk.through().status_code == 302


def test_userinfo_of_another_host_is_not_asked(linked: User, walk: Walk, forger: Forger) -> None:
    forger.metadata = {"userinfo_endpoint": ELSEWHERE}
    assert walk.through().status_code == 302
    assert forger.calls == ["/.well-known/openid-configuration", "/token", "/jwks"]


def test_no_redirect_is_followed(linked: User, walk: Walk, forger: Forger) -> None:
    walk.begin()
    forger.token_error = (307, {"location": "http://169.254.169.254/latest"})
    refused(walk.answer(), {"reason": "it redirects to another address"})


ENDPOINTS = ("/.well-known/openid-configuration", "/token", "/jwks", "/userinfo")
TOO_LARGE = {"reason": "its answer is too large, or takes too long"}


@pytest.mark.parametrize("is_chunked", [True, False])
@each("endpoint", ENDPOINTS)
def test_an_answer_without_end_is_read_no_further(
    endpoint: str, is_chunked: bool, linked: User, walk: Walk, forger: Forger
) -> None:
    forger.endless, forger.is_chunked = endpoint, is_chunked
    answer = walk.begin()
    refused(walk.answer() if answer.status_code == 302 else answer, TOO_LARGE)
    assert forger.calls[-1] == endpoint


def test_an_answer_that_takes_too_long_is_read_no_further(
    linked: User, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_SECONDS", -1)
    refused(walk.begin(), TOO_LARGE)


def test_an_answer_of_the_greatest_size_is_read_whole(
    linked: User, walk: Walk, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", len(json.dumps(forger.discovery())))
    assert walk.begin().status_code == 302
    forger.metadata = {"scopes_supported": ["openid"]}
    monkeypatch.setattr(client, "MAX_AGE_SECONDS", 0)
    refused(walk.begin(), TOO_LARGE)


@pytest.mark.parametrize("status", [500, 502])
def test_a_token_endpoint_that_fails_is_told(status: int, linked: User, walk: Walk, forger: Forger) -> None:
    walk.begin()
    forger.token_error = (status, {})
    refused(walk.answer(), {"reason": "HTTPError"})


def test_when_the_provider_is_down_passwords_still_work(linked: User, walk: Walk, forger: Forger) -> None:
    forger.shutdown()
    forger.server_close()
    refused(walk.begin(), {"reason": "ConnectionError"})
    log_in(linked.email, client=walk.browser)
    assert is_in(walk.browser)
