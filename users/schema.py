"""People and authentication in the OpenAPI document."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema, extend_schema_view

from config.api.schema.resources import listing, reading
from users import errors
from users.filters import UserFilterSet
from users.models import User
from users.serializers import UserSerializer

PAT = User(
    id=12,
    uuid=UUID("5754b432-8914-45e1-b94e-29453744f57d"),
    email="pat.picker@example.test",
    first_name="Pat",
    last_name="Picker",
    is_warehouse_user=True,
)

USERS = extend_schema_view(
    list=extend_schema(
        operation_id="listUsers",
        tags=["Users"],
        summary="List people",
        description="Everybody who is not deleted, for a Back Office user; a warehouse user sees only themselves.",
        **listing(UserSerializer, PAT, "The people that the caller may see.", UserFilterSet),
    ),
    retrieve=extend_schema(
        operation_id="getUser",
        tags=["Users"],
        summary="Read one person",
        description="A person whom the caller may not see is answered like one who does not exist.",
        **reading(UserSerializer, PAT, "The person.", errors.NOT_FOUND),
    ),
)


class UserToken(OpenApiAuthenticationExtension):
    """The security schemes of access tokens: by name and password, or a token that one has."""

    target_class = "users.oauth.authentication.BearerAuthentication"
    name: Any = ["signIn", "userToken"]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {
                "type": "oauth2",
                "flows": {"password": {"tokenUrl": f"{settings.PATH_PREFIX}/token", "scopes": {}}},
                "description": "Name and password. Leave the client empty.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The `access_token` that `POST /token` answers with.",
            },
        ]
