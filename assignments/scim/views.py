"""`/scim/v2/`: the requests of a company's directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pghistory
from authlib.oauth2.rfc6749.errors import OAuth2Error
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from scim2_models import Error, SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse

from assignments.scim.service import SERVICE, Handler
from assignments.scim.storage import Storage
from config.api.errors import NO_STORE, SHAPES, ApiError, Fault
from config.api.views import ApiViewSet
from users.models.oauth.client import Client
from users.oauth.clients.client_credentials import ClientToken
from users.oauth.endpoints import IntrospectionEndpoint
from users.oauth.errors import BlockedError
from users.oauth.requests import Request as OAuthRequest
from users.oauth.server import server

UNAUTHORIZED = Fault(401, "Send a token of /token (grant_type=client_credentials), or the client's ID and secret.")
NO_RIGHT = Fault(403, "This client may not provision people. Staff can allow it in the Back Office, under Clients.")
ROOT = "scim/v2"


def _error(faults: Sequence[Fault]) -> dict[str, Any]:
    """RFC 7644 section 3.12, for refusals before scim2-server is asked."""
    return Error(status=faults[0].status, detail=faults[0].detail).model_dump()


SHAPES["scim"] = ("application/scim+json", _error, NO_STORE)


class ClientAuthentication(BaseAuthentication):
    """A client's token (RFC 6750 section 2.1), or its ID and secret by HTTP Basic. One query."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Client]:
        scheme, _blank, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        client = _by_secret(request) if scheme.lower() == "basic" else _by_token(scheme, credentials)
        if not client.provisions_people:
            raise ApiError(NO_RIGHT)
        return AnonymousUser(), client


def _by_token(scheme: str, credentials: str) -> Client:
    token = ClientToken.read(credentials.strip()) if scheme.lower() == "bearer" else None
    client = token.live_client() if token else None
    if client is None:
        raise ApiError(UNAUTHORIZED)
    return client


def _by_secret(request: Request) -> Client:
    """Throttled as at `/token`."""
    try:
        return server.authenticate_client(OAuthRequest(request, body=b""), IntrospectionEndpoint.IN_HEADER)
    except BlockedError as refusal:
        fault = Fault(429, refusal.description)
        raise ApiError(fault, headers={"Retry-After": str(refusal.seconds)}) from None
    except OAuth2Error:
        raise ApiError(UNAUTHORIZED) from None


class ScimView(ApiViewSet):
    """Every path below the root: scim2-server tells what is asked for."""

    error_shape = "scim"
    authentication_classes = (ClientAuthentication,)
    permission_classes = (AllowAny,)
    schema = None
    #: Without `Allow`: which methods a path has, scim2-server tells.
    default_response_headers: dict[str, str] = {}

    def answer(self, request: Request, path: str = "") -> HttpResponse:
        client: Any = request.auth
        asked = ScimRequest(
            method="GET" if request.method == "HEAD" else request.method or "",
            base_url=f"{self.base}/{ROOT}",
            path=f"/{path}",
            query=request.GET.dict(),
            headers=request.headers,
            body=request.body,
            subject=client,
        )
        with pghistory.context(client="scim", provider=client.name, client_id=client.client_id):
            response = _answered(asked, client)
        body = b"" if response.body is None else orjson.dumps(response.body)
        return HttpResponse(body, status=response.status, headers=response.headers | NO_STORE)


def _answered(asked: ScimRequest, client: Client) -> ScimResponse:
    try:
        return Handler(SERVICE, Storage(client)).handle(asked)
    except SCIMException as problem:
        return SERVICE.error_response(problem)
