"""Codes and refresh tokens in several hands at once, over real HTTP, against the real server (RFC 9700 section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, refusal, sign_in
from tests.support.oauth.code_flow import BAD_REFRESH_TOKEN, MALFORMED, PARTNER, code_for, redemption, register
from tests.support.waiting import MOST_SECONDS
from users.models import Session, User
from users.models.audit_event import AuditEvent

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

CLIENTS = 32
Send = Callable[[list[dict[str, Any]]], list[httpx.Response]]


@pytest.fixture
def at_once(live_url: str) -> Iterator[Send]:
    """Posts up to 32 forms to `/token`, each over a connection of its own, all let go at the same moment."""
    limits = httpx.Limits(max_connections=CLIENTS)
    with (
        httpx.Client(base_url=live_url, limits=limits, timeout=MOST_SECONDS) as client,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):

        def send(forms: list[dict[str, Any]]) -> list[httpx.Response]:
            barrier = Barrier(len(forms))

            def one(form: dict[str, Any]) -> httpx.Response:
                barrier.wait()
                return client.post("/token", data=form)

            return list(threads.map(one, forms))

        yield send


@pytest.fixture
def asking(transactional_db: None) -> dict[str, str]:
    """What a registered app of the partner's says of itself at `/authorize` and `/token`."""
    register("partner-app", is_confidential=False)
    return {"client_id": "partner-app", "redirect_uri": PARTNER}


@pytest.mark.thorough
def test_of_32_clients_with_one_code_one_gets_tokens_and_they_end(
    at_once: Send, asking: dict[str, str], pat: User
) -> None:
    for _ in range(10):
        form = redemption(code_for(pat, **asking), **asking)
        answers = at_once([form] * CLIENTS)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: CLIENTS - 1}
        refused = [answer.json() for answer in answers if answer.status_code == 400]
        assert refused == [{"error": MALFORMED[0], "error_description": MALFORMED[1]}] * (CLIENTS - 1)
        (tokens,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert refusal(Api(tokens["access_token"]).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert set(Session.objects.values_list("end_reason", flat=True)) == {"authorization code used twice"}
    assert Session.objects.count() == 10


@pytest.mark.thorough
def test_32_codes_at_once_are_32_sessions(at_once: Send, asking: dict[str, str], pat: User, sam: User) -> None:
    forms = [redemption(code_for(user, **asking), **asking) for user in (pat, sam) for _ in range(CLIENTS // 2)]
    answers = at_once(forms)
    assert [answer.status_code for answer in answers] == [200] * CLIENTS
    assert len({answer.json()["refresh_token"] for answer in answers}) == CLIENTS
    assert Counter(Session.objects.live().values_list("user__email", flat=True)) == {pat.email: 16, sam.email: 16}


@pytest.mark.thorough
def test_two_tabs_share_a_session_for_fifty_refreshes(at_once: Send, pat: User) -> None:
    refresh_token = sign_in(pat.email)["refresh_token"]
    for _ in range(50):
        tabs = at_once([{"grant_type": "refresh_token", "refresh_token": refresh_token}] * 2)
        assert [tab.status_code for tab in tabs] == [200, 200]
        (refresh_token,) = {tab.json()["refresh_token"] for tab in tabs}
    for tab in tabs:
        assert Api(tab.json()["access_token"]).get(ASSIGNMENTS).status_code == 200
    assert Session.objects.live().count() == 1


def test_a_stolen_refresh_token_is_worth_nothing_once_its_owner_has_gone_on(at_once: Send, pat: User) -> None:
    stolen = sign_in(pat.email)["refresh_token"]
    used = stolen
    for _ in range(2):
        (answer,) = at_once([{"grant_type": "refresh_token", "refresh_token": used}])
        used = answer.json()["refresh_token"]
    answers = at_once([{"grant_type": "refresh_token", "refresh_token": stolen}] * 8)
    assert [(answer.status_code, answer.json()["error_description"]) for answer in answers] == [
        (400, BAD_REFRESH_TOKEN[1])
    ] * 8
    assert refusal(Api(answer.json()["access_token"]).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Session.objects.get().end_reason == "refresh token used twice"
    assert AuditEvent.objects.filter(tag="refresh_token_reused", level="warning").exists()
