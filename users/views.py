from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from config.jsonapi import filters
from config.jsonapi.renderers import PlainJSONRenderer
from config.jsonapi.views import ResourceViewSet
from config.views import ApiViewSet
from users import errors, schema
from users.models import User
from users.oauth import server
from users.serializers import UserSerializer
from users.tokens import Scope, key_ring


class UserViewSet(ResourceViewSet):
    """People, so that an integrator can find whom to assign (contract 0.4)."""

    schema = schema.USERS
    serializer_class = UserSerializer
    rights = {Scope.BACK_OFFICE_USER: {"list", "retrieve"}, Scope.WAREHOUSE_USER: {"list", "retrieve"}}
    missing = errors.NOT_FOUND
    filters = {
        "uuid": filters.uuids("uuid"),
        "username": filters.emails("email"),
        "isWarehouseUser": filters.booleans("is_warehouse_user"),
    }

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.visible_to(self.caller)


class TokenView(ApiViewSet):
    """`POST /token`: sign in and refresh (contract section 2.1)."""

    schema = schema.TOKEN
    error_shape = "oauth"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)

    def create(self, request: Request) -> HttpResponse:
        return server.token_response(request._request)


class KeySetView(ApiViewSet):
    """`GET /.well-known/jwks.json`: the public keys that our tokens verify with (RFC 7517 section 5)."""

    schema = schema.KEYS
    error_shape = "oauth"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)

    def list(self, request: Request) -> Response:
        keys = {"keys": [key.jwk for key in key_ring.keys.values()]}
        return Response(keys, headers={"Cache-Control": "public, max-age=300"})
