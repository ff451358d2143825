from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.errors import OAuth2Error
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.renderers import PlainJSONRenderer
from config.api.views import ApiViewSet, ReadOnlyModelViewSet
from users import errors, schema
from users.filters import UserFilterSet
from users.models import User
from users.oauth.endpoints import IntrospectionEndpoint, RevocationEndpoint
from users.oauth.key_ring import key_ring
from users.oauth.schema import discovery, operations
from users.oauth.server import metadata, server
from users.oauth.tokens import Scope
from users.serializers import UserSerializer


@schema.USERS
class UserViewSet(ReadOnlyModelViewSet):
    """People, read-only (contract 0.4)."""

    serializer_class = UserSerializer
    filterset_class = UserFilterSet
    rights = {Scope.BACK_OFFICE_USER: {"list", "retrieve"}, Scope.WAREHOUSE_USER: {"list", "retrieve"}}
    missing = errors.NOT_FOUND

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.listed().visible_to(self.caller)


class OAuthViewSet(ApiViewSet):
    """Base of the OAuth routes: without access token, with the errors of RFC 6749 section 5.2.

    Methods may raise OAuth2Error.
    """

    error_shape = "oauth"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, OAuth2Error):
            return server.handle_error_response(None, exc)
        return super().handle_exception(exc)


class AuthorizationServerViewSet(OAuthViewSet):
    """The routes of the authorization server, one a method."""

    @operations.AUTHORIZE
    def authorize(self, request: Request) -> HttpResponse:
        """`POST /authorize`: issues an authorization code (contract section 2.2)."""
        return server.authorization_response(request)

    @operations.TOKEN
    def token(self, request: Request) -> HttpResponse:
        """`POST /token`: signs in and refreshes (contract section 2.1)."""
        return server.create_token_response(request)

    @operations.REVOKE
    def revoke(self, request: Request) -> HttpResponse:
        """`POST /revoke`: token revocation (RFC 7009)."""
        return server.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME, request)

    @operations.INTROSPECT
    def introspect(self, request: Request) -> HttpResponse:
        """`POST /introspect`: token introspection (RFC 7662)."""
        return server.create_endpoint_response(IntrospectionEndpoint.ENDPOINT_NAME, request)

    @discovery.METADATA
    def server_metadata(self, request: Request) -> Response:
        """`GET /.well-known/oauth-authorization-server`: server metadata (RFC 8414 section 3)."""
        return Response(metadata(), headers={"Cache-Control": "public, max-age=300"})

    @discovery.KEYS
    def key_set(self, request: Request) -> Response:
        """`GET /.well-known/jwks.json`: the public keys of the tokens (RFC 7517 section 5)."""
        keys = {"keys": [key.jwk for key in key_ring.newest_keys.values()]}
        return Response(keys, headers={"Cache-Control": f"public, max-age={settings.KEY_PUBLISHED_SECONDS}"})
