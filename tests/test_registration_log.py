"""The log names a client, redirect address or origin that is not registered, and where to register it.

The app shows its person "wrong password" for all of them, and its page cannot read why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from tests.client import ASSIGNMENTS, FORM, PASSWORD, Api
from tests.code_flow import APP, BAD_CLIENT, PARTNER, ask, assert_refused, lines_of
from users.models import User

ORIGIN, FOREIGN = "https://app.example.test", "https://evil.example.test"


@pytest.fixture(autouse=True)
def origin(app: str, settings: Any) -> None:
    settings.DEFAULT_CLIENT_ORIGINS = [ORIGIN]


def preflight(origin: str, method: str = "GET") -> Any:
    return Browser().options(ASSIGNMENTS, headers={"Origin": origin, "Access-Control-Request-Method": method})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"redirect_uri": PARTNER}, {"redirect_uri": PARTNER, "client_id": "frontend"}),
        ({"redirect_uri": f"{PARTNER}?a=b#c"}, {"redirect_uri": f"{PARTNER}…"}),
        ({"redirect_uri": "https://me:hush@app.example.test/\n"}, {"redirect_uri": "https://…app.example.test/\n"}),
        ({"client_id": "stranger"}, {"redirect_uri": APP, "client_id": "stranger"}),
        ({"client_id": "partner", "redirect_uri": APP}, {"redirect_uri": APP, "client_id": "partner"}),
    ],
    ids=["another address", "a query and a fragment", "a password in the address", "an unknown client", "a partner"],
)
@pytest.mark.usefixtures("partner")
def test_the_log_names_what_is_not_registered_and_where_to_register_it(
    pat: User, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], told: dict[str, Any]
) -> None:
    assert_refused(ask(pat, **changes), BAD_CLIENT)

    (line,) = lines_of(caplog, "Client refused at /authorize")
    assert line | told == line
    place = "DEFAULT_CLIENT_REDIRECT_URIS" if line["client_id"] == "frontend" else "Back Office under Clients"
    assert place in line["what_to_do"]
    assert ("client does not exist" in line["reason"]) == (line["client_id"] == "stranger")


def test_a_registered_address_is_not_logged_as_unregistered(pat: User, caplog: pytest.LogCaptureFixture) -> None:
    ask(pat)
    ask(pat, password="wrong-Horse-7!")

    assert lines_of(caplog, "Client refused at /authorize") == []


def test_the_log_names_an_origin_that_is_not_registered(
    as_pat: Api, pat: User, caplog: pytest.LogCaptureFixture
) -> None:
    """Preflights, answers that succeed, and refusals: one line each."""
    form = urlencode({"grant_type": "password", "username": pat.email, "password": PASSWORD})
    requests: list[Callable[[], Any]] = [
        lambda: preflight(FOREIGN),
        lambda: as_pat.get(ASSIGNMENTS, Origin=FOREIGN),
        lambda: as_pat.get("/no-such-path", Origin=FOREIGN),
        lambda: Browser().post("/token", form, content_type=FORM, headers={"Origin": FOREIGN}),
    ]
    for request in requests:
        caplog.clear()
        request()

        (line,) = lines_of(caplog, "Origin not registered")
        assert line["origin"] == FOREIGN
        assert "DEFAULT_CLIENT_ORIGINS" in line["what_to_do"]


def test_no_other_origin_is_logged(as_pat: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Registered ones, this site's own pages such as `/docs`, the Back Office, and callers that name none."""
    for origin in ({"Origin": ORIGIN}, {"Origin": "http://testserver", "Host": "testserver"}, {}):
        as_pat.get(ASSIGNMENTS, **origin)
    as_pat.get("/admin/login/", Origin=FOREIGN)
    preflight(ORIGIN, "PUT")

    assert lines_of(caplog, "Origin not registered") == []
