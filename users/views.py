from __future__ import annotations

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
    """Base of the OAuth routes: without access token, with the errors of RFC 6749 section 5.2."""

    error_shape = "oauth"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)


class AuthorizeView(OAuthViewSet):
    """`POST /authorize`: issues an authorization code (contract section 2.2)."""

    @operations.AUTHORIZE
    def create(self, request: Request) -> HttpResponse:
        return server.authorization_response(request)


class TokenView(OAuthViewSet):
    """`POST /token`: signs in and refreshes (contract section 2.1)."""

    @operations.TOKEN
    def create(self, request: Request) -> HttpResponse:
        return server.token_response(request)


class RevokeView(OAuthViewSet):
    """`POST /revoke`: token revocation (RFC 7009)."""

    @operations.REVOKE
    def create(self, request: Request) -> HttpResponse:
        return server.endpoint_response(RevocationEndpoint, request)


class IntrospectView(OAuthViewSet):
    """`POST /introspect`: token introspection (RFC 7662)."""

    @operations.INTROSPECT
    def create(self, request: Request) -> HttpResponse:
        return server.endpoint_response(IntrospectionEndpoint, request)


class MetadataView(OAuthViewSet):
    """`GET /.well-known/oauth-authorization-server`: server metadata (RFC 8414 section 3)."""

    @discovery.METADATA
    def retrieve(self, request: Request) -> Response:
        return Response(metadata(), headers={"Cache-Control": "public, max-age=300"})


class KeySetView(OAuthViewSet):
    """`GET /.well-known/jwks.json`: the public keys of the tokens (RFC 7517 section 5)."""

    @discovery.KEYS
    def retrieve(self, request: Request) -> Response:
        keys = {"keys": [key.jwk for key in key_ring.newest_keys.values()]}
        return Response(keys, headers={"Cache-Control": f"public, max-age={settings.KEY_PUBLISHED_SECONDS}"})
