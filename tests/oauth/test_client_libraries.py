"""Two client libraries that know nothing of us, over real HTTP: Authlib's client and requests-oauthlib.

Each walks the password flow and the code flow with PKCE; the login form is posted as the Fulfillment App posts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import LegacyApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError
from oauthlib.oauth2.rfc6749.errors import OAuth2Error as OAuthlibError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OauthlibSession

from tests.support.api.client import ASSIGNMENTS, PASSWORD
from tests.support.oauth.code_flow import PARTNER, register
from tests.support.waiting import MOST_SECONDS
from users.models import Session, User

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def site(live_url: str, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What we tell about ourselves (RFC 8414), at the address where the tests find us."""
    for library in ("AUTHLIB", "OAUTHLIB"):
        monkeypatch.setenv(f"{library}_INSECURE_TRANSPORT", "1")  # tests speak plain http
    told = httpx.get(live_url + METADATA, timeout=MOST_SECONDS)
    return json.loads(told.text.replace(told.json()["issuer"], live_url)) | {"data": live_url + ASSIGNMENTS}


@pytest.fixture(params=["public", "confidential"])
def registered(request: Any, transactional_db: None) -> Any:
    return register(f"{request.param}-app", is_confidential=request.param == "confidential")


def post_login_form(address: str, user: User, password: str = PASSWORD) -> httpx.Response:
    """What the page behind an authorization address does once somebody has typed name and password (6.1)."""
    page = urlsplit(address)
    form = dict(parse_qsl(page.query)) | {"username": user.email, "password": password}
    return httpx.post(page._replace(query="").geturl(), data=form, timeout=MOST_SECONDS)


def callback(answer: httpx.Response) -> str:
    """Where the page goes next: every member of the answer becomes a parameter."""
    (element,) = answer.json()
    return f"{PARTNER}?{urlencode(element)}"


# --- Authlib ----------------------------------------------------------------------------------------------------
def authlib_session(site: dict[str, Any], registered: Any) -> AuthlibSession:
    return AuthlibSession(
        registered.client_id,
        registered.secret,
        token_endpoint_auth_method="client_secret_basic" if registered.secret else "none",
        revocation_endpoint_auth_method="client_secret_basic" if registered.secret else "none",
        scope="user",
        redirect_uri=PARTNER,
        code_challenge_method=site["code_challenge_methods_supported"][0],
        token_endpoint=site["token_endpoint"],
    )


@pytest.fixture
def authlib(site: dict[str, Any], registered: Any) -> Iterator[AuthlibSession]:
    with authlib_session(site, registered) as session:
        yield session


def test_authlib_signs_in_by_code_reads_refreshes_and_signs_out(
    site: dict[str, Any], authlib: AuthlibSession, pat: User
) -> None:
    verifier = "v" * 64
    address, _ = authlib.create_authorization_url(site["authorization_endpoint"], code_verifier=verifier)
    token = authlib.fetch_token(
        site["token_endpoint"],
        authorization_response=callback(post_login_form(address, pat)),
        code_verifier=verifier,
    )
    assert token["token_type"] == "Bearer"
    assert authlib.get(site["data"]).json()["data"] == []

    authlib.token = dict(token) | {"expires_at": 1}  # the library refreshes by itself what has run out
    assert authlib.get(site["data"]).status_code == 200
    assert authlib.token["access_token"] != token["access_token"]
    refreshed = authlib.refresh_token(site["token_endpoint"])
    assert refreshed["refresh_token"] not in (None, token["refresh_token"])

    answer = authlib.revoke_token(site["revocation_endpoint"], token_type_hint="refresh_token")
    assert (answer.status_code, answer.json()) == (200, {})
    assert authlib.get(site["data"]).status_code == 401
    with pytest.raises(OAuthError, match="The refresh token is invalid"):
        authlib.refresh_token(site["token_endpoint"])
    assert Session.objects.get().end_reason == "signed out"


def test_authlib_signs_in_by_password(site: dict[str, Any], authlib: AuthlibSession, pat: User) -> None:
    authlib.fetch_token(site["token_endpoint"], username=pat.email, password=PASSWORD)
    assert authlib.get(site["data"]).status_code == 200
    with pytest.raises(OAuthError) as refused:
        authlib.fetch_token(site["token_endpoint"], username=pat.email, password="wrong-Horse-7!")
    assert (refused.value.error, refused.value.description) == ("invalid_grant", "The user credentials were incorrect.")


def test_authlib_understands_a_refused_code(site: dict[str, Any], authlib: AuthlibSession, pat: User) -> None:
    verifier = "v" * 64
    address, _ = authlib.create_authorization_url(site["authorization_endpoint"], code_verifier=verifier)
    arrived = callback(post_login_form(address, pat))
    with pytest.raises(OAuthError) as refused:
        authlib.fetch_token(site["token_endpoint"], authorization_response=arrived, code_verifier="w" * 64)
    assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_asks_as_a_service_whether_a_token_holds(site: dict[str, Any], pat: User, method: str) -> None:
    assert method in site["introspection_endpoint_auth_methods_supported"]
    app, service = register("app", is_confidential=False), register("service")
    with (
        authlib_session(site, app) as picker,
        AuthlibSession("service", service.secret, token_endpoint_auth_method=method) as asking,
    ):
        token = picker.fetch_token(site["token_endpoint"], username=pat.email, password=PASSWORD)["access_token"]
        told = asking.introspect_token(site["introspection_endpoint"], token=token).json()
        assert (told["active"], told["act"], told["client_id"]) == (True, str(pat.uuid), "app")
        picker.revoke_token(site["revocation_endpoint"], token=token)
        told = asking.introspect_token(site["introspection_endpoint"], token=token).json()
        assert told == {"active": False}


# --- requests-oauthlib ------------------------------------------------------------------------------------------
def proof_of(registered: Any) -> dict[str, Any]:
    """How requests-oauthlib is told to prove who it is: in the header with a secret, else by name."""
    if registered.secret:
        return {"auth": HTTPBasicAuth(registered.client_id, registered.secret)}
    return {"include_client_id": True}


def test_requests_oauthlib_signs_in_by_code_reads_and_refreshes(
    site: dict[str, Any], registered: Any, pat: User
) -> None:
    with OauthlibSession(registered.client_id, redirect_uri=PARTNER, scope=["user"], pkce="S256") as session:
        address, _ = session.authorization_url(site["authorization_endpoint"])
        arrived = callback(post_login_form(address, pat))
        token = session.fetch_token(site["token_endpoint"], authorization_response=arrived, **proof_of(registered))
        assert session.get(site["data"]).json()["data"] == []
        own = {"auth": HTTPBasicAuth(registered.client_id, registered.secret)} if registered.secret else {}
        refreshed = session.refresh_token(site["token_endpoint"], client_id=registered.client_id, **own)
        assert refreshed["refresh_token"] != token["refresh_token"]
        assert session.get(site["data"]).status_code == 200
        with pytest.raises(OAuthlibError) as refused:  # the same code once more
            session.fetch_token(site["token_endpoint"], authorization_response=arrived, **proof_of(registered))
        assert refused.value.error == "invalid_request"
        assert session.get(site["data"]).status_code == 401


def test_requests_oauthlib_signs_in_by_password(site: dict[str, Any], registered: Any, pat: User) -> None:
    own = {"client_secret": registered.secret} if registered.secret else {}
    with OauthlibSession(client=LegacyApplicationClient(registered.client_id)) as session:
        person = {"username": pat.email, "password": PASSWORD}
        session.fetch_token(site["token_endpoint"], **person, **own, **proof_of(registered))
        assert session.get(site["data"]).status_code == 200
        with pytest.raises(InvalidGrantError):
            session.fetch_token(site["token_endpoint"], **person | {"password": "x"}, **own, **proof_of(registered))


def test_a_wrong_password_gives_the_login_form_words_to_show(
    site: dict[str, Any], authlib: AuthlibSession, pat: User
) -> None:
    address, _ = authlib.create_authorization_url(site["authorization_endpoint"], code_verifier="v" * 64)
    answer = post_login_form(address, pat, password="wrong-Horse-7!")
    words = {"error": "invalid_grant", "error_description": "The user credentials were incorrect."}
    assert (answer.status_code, answer.json()) == (400, words)
