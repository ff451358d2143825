"""Parses requests to the OAuth routes: a form or JSON, in snake_case or camelCase (contract 0.1)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from django.conf import settings
from django.http import HttpRequest

from config.api import strict_json
from users.oauth.tokens import Scope

#: Limit of parameters in a body.
MAX_PARAMETERS = 100
#: Limit of colons in a JSON body: each parameter has one, and some in its value. It bounds the memory that a body takes
#: before its parameters can be counted, which is 40 MB for a megabyte of them.
MAX_COLONS = 10 * MAX_PARAMETERS


class Request(OAuth2Request):
    """Authlib's view of a Django request. Raises InvalidRequestError for a body that cannot be read."""

    def __init__(self, request: HttpRequest, body: bytes | None = None) -> None:
        """`body` stands for the request's, if that has no parameters."""
        # Authlib refuses plain http, but TLS is enforced by the setting `HTTPS`.
        super().__init__(request.method or "", "https://localhost" + request.path, headers={})
        self.django = request
        self.payload = BasicOAuth2Payload(_parameters(request.body if body is None else body))
        self.attempted_client, self.attempted_method = self.payload.client_id, "none"
        if "client_secret" in self.payload.data:
            self.attempted_method = "client_secret_post"
        if request.headers.get("Authorization", "").lower().startswith("basic"):
            self._read_basic(request.headers["Authorization"])

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    def use_default_client(self) -> None:
        """A request without `client_id` and secret is the default client's (contract section 2.1)."""
        if self.attempted_client is None and self.attempted_method == "none":
            self.form["client_id"] = settings.DEFAULT_CLIENT_ID

    def _read_basic(self, header: str) -> None:
        """RFC 6749 section 2.3.1. A malformed header is not passed to Authlib, so authentication fails."""
        self.attempted_method = "client_secret_basic"
        try:
            client_id, secret = extract_basic_authorization({"Authorization": header})
        except ValueError:  # not UTF-8
            client_id = secret = None
        self.attempted_client = client_id
        if client_id and "\x00" not in client_id and secret:
            self.headers["Authorization"] = header


def _parameters(body: bytes) -> dict[str, str]:
    """Raises InvalidRequestError for a malformed body, and for a parameter that is repeated or not a text."""
    try:
        pairs = _json_pairs(body) if body.lstrip().startswith((b"{", b"[")) else _form_pairs(body)
    except ValueError:
        raise InvalidRequestError from None
    values = {_snake_case(key): value for key, value in pairs}
    if len(values) < len(pairs):
        raise InvalidRequestError
    if "scope" in values:
        known = (word for word in values["scope"].split() if word in set(Scope))
        values["scope"] = " ".join(dict.fromkeys(known))  # without repeated ones
    return values


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    return [(key, _text(value)) for key, value in pairs if value != ""]


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    if body.count(b":") > MAX_COLONS:
        raise ValueError("too many parameters")
    document = strict_json.loads(body)
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"].get("attributes")  # as in the reference's install guide
    if not isinstance(document, dict):
        raise ValueError("not an object")
    if len(document) > MAX_PARAMETERS:
        raise ValueError("too many parameters")
    return [(key, _text(value)) for key, value in document.items() if value not in (None, "")]


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text")
    return value


_CAMEL_CASE = re.compile("[A-Za-z][a-z]+([A-Z][a-z]+)*")


def _snake_case(key: str) -> str:
    """Converts camelCase only, so that two unknown names do not become equal."""
    return re.sub("(?<!^)(?=[A-Z])", "_", key).lower() if _CAMEL_CASE.fullmatch(key) else key
