"""Authlib's client for one identity provider, which calls that provider's own endpoints and nobody else.

Loaded only if the settings name a provider. Their addresses come from the settings and from the provider's metadata,
never from a request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.utils.translation import gettext_noop
from joserfc.errors import ClaimError, JoseError

from config.company_account.provider import Provider
from users.company_account.failures import CompanyAccountError, Failure

#: Seconds to connect, and to wait for each part of an answer.
TIMEOUT = (3, 5)
#: Most bytes of an answer's body, and most seconds until it is there.
MAX_BYTES, MAX_SECONDS = 1_048_576, 15
#: After so many seconds, metadata and keys are fetched anew: a key that a provider has withdrawn is trusted no longer.
MAX_AGE_SECONDS = 600
#: For so many seconds after a failure nobody waits for the provider again.
RETRY_SECONDS = 5
#: Least number of seconds between two fetches of the keys because of a token with an unknown one.
REFETCH_SECONDS = 30
#: Tolerated difference of clocks in seconds.
CLOCK_SKEW_SECONDS = 60
#: By public keys. Never `none`, nor HMAC, whose key would be one that anybody can read.
ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
)
#: Why an answer was refused (`config.audit.event_titles`).
WRONG_CLAIM = gettext_noop("a claim of its token is wrong or missing")
WRONG_SIGNATURE = gettext_noop("its token is not signed as it should be")
REFUSED = gettext_noop("it refused the code or the client")
FAILED_JUST_NOW = gettext_noop("it did not answer a few seconds ago, and is not asked again yet")
MALFORMED = gettext_noop("its answer cannot be read")
FOREIGN = gettext_noop("its metadata names an address of another host")
REDIRECTS = gettext_noop("it redirects to another address")
TOO_LARGE = gettext_noop("its answer is too large, or takes too long")
OTHER_ISSUER = gettext_noop("its metadata names another issuer")
#: What is read of the metadata. Authlib makes an HTTP session from all that is there.
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")


class _Body:
    """What a response reads its body from (`Response.raw`), up to `MAX_BYTES` and for `MAX_SECONDS`."""

    def __init__(self, raw: Any) -> None:
        self.close, self.release_conn, self._raw = raw.close, raw.release_conn, raw

    def stream(self, _size: int, **_: Any) -> Iterator[bytes]:
        """Each part as soon as it is there, as it was sent. Raises CompanyAccountError."""
        left, until = MAX_BYTES, time.monotonic() + MAX_SECONDS
        while part := self._raw.read1(left + 1, decode_content=False):
            left -= len(part)
            if left < 0 or time.monotonic() > until:
                self.close()
                raise CompanyAccountError(Failure.UNREACHABLE, TOO_LARGE)
            yield part


def _bounded(response: Any, **_: Any) -> None:
    response.raw = _Body(response.raw)


class _Session(OAuth2Session):
    """Follows no redirects, waits for nobody long, reads no endless answers, and calls no other host."""

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, default_timeout=TIMEOUT, **kwargs)
        self.provider = provider
        self.hooks["response"].append(_bounded)  # before the body is read
        self.headers["Accept-Encoding"] = "identity"  # nothing that grows here

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Raises CompanyAccountError for a foreign address, and for an answer that names another one."""
        if not self.provider.owns(url):
            raise CompanyAccountError(Failure.UNREACHABLE, FOREIGN)
        response = super().request(method, url, *args, **kwargs | {"allow_redirects": False})
        if response.is_redirect:
            raise CompanyAccountError(Failure.UNREACHABLE, REDIRECTS)
        return response


class _Client(DjangoOAuth2App):
    """Checks the metadata (OpenID Connect Discovery section 4.3), and fetches keys not too often."""

    client_cls = _Session
    provider: Provider
    made_at: float
    refetched_at = float("-inf")

    def load_server_metadata(self) -> dict[str, Any]:
        if "_loaded_at" not in self.server_metadata:
            found = super().load_server_metadata()
            self.server_metadata: dict[str, Any] = {}
            self.server_metadata = _checked(self.provider, found)
        return self.server_metadata

    def fetch_jwk_set(self, force: bool = False) -> Any:
        force = force and time.monotonic() - self.refetched_at >= REFETCH_SECONDS
        if force:
            self.refetched_at = time.monotonic()
        return super().fetch_jwk_set(force=force)


def _checked(provider: Provider, found: dict[str, Any]) -> dict[str, Any]:
    """The metadata that is used. Raises CompanyAccountError."""
    if found.get("issuer") != provider.issuer:
        raise CompanyAccountError(Failure.UNREACHABLE, OTHER_ISSUER)
    named = {name: found[name] for name in (*_REQUIRED, *_OPTIONAL) if isinstance(found.get(name), str)}
    urls = {name: url for name, url in named.items() if provider.owns(url)}
    if missing := [name for name in _REQUIRED if name not in urls]:
        raise CompanyAccountError(Failure.UNREACHABLE, FOREIGN, claim=missing[0])
    algorithms = [one for one in found.get("id_token_signing_alg_values_supported", ["RS256"]) if one in ALGORITHMS]
    return urls | {
        "issuer": found["issuer"],
        "id_token_signing_alg_values_supported": algorithms,
        "names_issuer": found.get("authorization_response_iss_parameter_supported") is True,
        "_loaded_at": found["_loaded_at"],
    }


_clients: dict[Provider, _Client] = {}
_failed_at: dict[Provider, float] = {}


def client_of(provider: Provider) -> _Client:
    """The client with its metadata, made anew after `MAX_AGE_SECONDS`. Raises CompanyAccountError."""
    client = _clients.get(provider)
    if client is None or time.monotonic() - client.made_at > MAX_AGE_SECONDS:
        client = _clients[provider] = _loaded(provider)
    return client


def asked_of(session: Any, provider: Provider, state: str) -> dict[str, Any] | None:
    """What `save_authorize_data` has kept in this session for an answer with this state. Calls nobody."""
    return DjangoIntegration(provider.name).get_state_data(session, state)


def _loaded(provider: Provider) -> _Client:
    if time.monotonic() - _failed_at.get(provider, float("-inf")) < RETRY_SECONDS:
        raise CompanyAccountError(Failure.UNREACHABLE, FAILED_JUST_NOW)
    client = _made(provider)
    try:
        with answers():
            client.load_server_metadata()
    except CompanyAccountError:
        _failed_at[provider] = time.monotonic()
        raise
    return client


def _made(provider: Provider) -> _Client:
    client = _Client(
        DjangoIntegration(provider.name),
        provider.name,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": " ".join(provider.scopes), "code_challenge_method": "S256", "provider": provider},
    )
    client.provider, client.made_at = provider, time.monotonic()
    return client


def expected(provider: Provider, *also: str) -> dict[str, Any]:
    """The claims that a token of the provider must have, besides others of any value, for Authlib."""
    return {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        **{name: {"essential": True} for name in also},
    }


@contextmanager
def answers() -> Iterator[None]:
    """Raises CompanyAccountError for whatever goes wrong in the block. No text of the other side is in it."""
    try:
        yield
    except OSError as problem:  # as those of `requests` are
        raise CompanyAccountError(Failure.UNREACHABLE, type(problem).__name__) from problem
    except ClaimError as problem:
        raise CompanyAccountError(Failure.ANSWER, WRONG_CLAIM, claim=str(problem.claim)) from problem
    except JoseError as problem:
        raise CompanyAccountError(Failure.ANSWER, WRONG_SIGNATURE) from problem
    except AuthlibBaseError as problem:
        raise CompanyAccountError(Failure.ANSWER, REFUSED, error=known_error(problem.error)) from problem
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as problem:
        raise CompanyAccountError(Failure.ANSWER, MALFORMED) from problem


def known_error(code: Any) -> str:
    """An error code of OAuth 2.0 or OpenID Connect; "unknown" for text that is none."""
    return code if re.fullmatch(r"[a-z_]{1,40}", str(code)) else "unknown"
