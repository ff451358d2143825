"""The page for those who connect the app, `docs/connect-the-app.md`: its commands run, and its refusals are real."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client as Browser
from pytest_django.live_server_helper import LiveServer

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, JSON_API, Api
from tests.support.docs import DOCS, table
from tests.support.oauth.code_flow import APP, ask, code_for, redeem, refresh, send, signed_in
from users.models import User

PAGE = "connect-the-app.md"
ORIGIN = APP.removesuffix("/oauth/cb/spryker")


@pytest.fixture(autouse=True)
def registered(settings: Any) -> None:
    """The app, as steps 1 and 2 register it."""
    settings.DEFAULT_CLIENT_REDIRECT_URIS = [APP]
    settings.DEFAULT_CLIENT_ORIGINS = [ORIGIN]


@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_the_commands_run_as_printed(live_server: LiveServer, pat: User, pat_north: WarehouseUserAssignment) -> None:
    commands = re.findall(r"```sh\n(.*?)```", (DOCS / PAGE).read_text(), re.DOTALL)[-1]
    for printed, ours in {
        "https://warehouse.example.com": live_server.url,
        "https://app.example.com": ORIGIN,
        "pat.picker@example.test": pat.email,
    }.items():
        assert printed in commands
        commands = commands.replace(printed, ours)

    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], capture_output=True, text=True, check=True)

    preflight, _, body = ran.stdout.replace("\r", "").rpartition("\n\n")
    assert preflight.startswith("HTTP/1.1 204")
    assert f"\naccess-control-allow-origin: {ORIGIN}\n" in preflight.lower()
    assert json.loads(body)["data"]["attributes"]["isActive"] is True


def _temporary_password(pat: User) -> Any:
    pat.set_temporary_password(make_password("x7kq-9mnp-2wvz-4hjd"))
    return ask(pat, password="x7kq-9mnp-2wvz-4hjd")


def _too_many_tries(pat: User) -> Any:
    return [ask(pat, password="wrong-Horse-7!") for _ in range(10)][-1]


def _preflight(_: User) -> Any:
    headers = {"Origin": "https://other.example.test", "Access-Control-Request-Method": "GET"}
    return Browser().options(ASSIGNMENTS, headers=headers)


def _code_used_twice(pat: User) -> Any:
    code = code_for(pat)
    return [redeem(code), redeem(code)][-1]


def _as(pat: User) -> Api:
    return Api(signed_in(pat)["access_token"])


#: What the page says when, and the request that is answered so.
REFUSED: list[tuple[str, Callable[[User], Any]]] = [
    ("/authorize", lambda pat: ask(pat, redirect_uri=f"{APP}/")),
    ("/authorize", lambda pat: ask(pat, client_id="stranger")),
    ("/authorize", lambda pat: ask(pat, password="wrong-Horse-7!")),
    ("/authorize", _temporary_password),
    ("/authorize", _too_many_tries),
    ("/authorize", lambda pat: send("/authorize", {"username": pat.email, "password": "x"})),
    ("a preflight (`OPTIONS`)", _preflight),
    ("/token", _code_used_twice),
    ("/token", lambda pat: redeem(code_for(pat), redirect_uri=f"{APP}/")),
    ("/token", lambda pat: redeem(code_for(pat), code_verifier="b" * 43)),
    ("`/token` (refresh)", lambda _: refresh("nonsense", client_id="frontend")),
    ("`/authorize`, `/token`", lambda pat: send("/token", {"grant_type": "password"}, Host="other.example.test")),
    ("any data call", lambda _: Api("nonsense").get(ASSIGNMENTS)),
    (
        "`PATCH` of an assignment",
        lambda pat: _as(pat).patch(f"{ASSIGNMENTS}/a6f8da15-cd2e-4923-89ed-56dc94865418", {"isActive": True}),
    ),
    ("/picking-lists", lambda pat: _as(pat).get("/picking-lists")),
]


@pytest.mark.parametrize(("call", "request_it"), REFUSED)
def test_a_refusal_is_as_the_page_shows_it(pat: User, call: str, request_it: Callable[[User], Any]) -> None:
    answer = request_it(pat)

    told = [(row["Status"], row["Body"]) for row in table(PAGE, "Refusals") if row["Call"] == call]
    body = answer.content.decode()
    assert answer["Content-Type"] in ("application/json", JSON_API)
    assert [
        (status, shown)
        for status, shown in told
        if status == str(answer.status_code) and body.startswith(shown.partition("…")[0])
    ], f"Answered {answer.status_code} {body}"


def test_each_refusal_of_the_page_is_tried() -> None:
    told = {row["Call"] for row in table(PAGE, "Refusals") if row["Status"].isdecimal()}

    assert told == {call for call, _ in REFUSED}
