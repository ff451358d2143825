"""What the OpenAPI document says about people, and how to prove who is calling."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from config.jsonapi.schema import ResourceSchema, many, one
from config.schema import Operation
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

USERS = ResourceSchema(
    "Users",
    list=Operation(
        "listUsers",
        "List people",
        "Everybody who is not deleted, for a Back Office user; a warehouse user sees only themselves.",
        many(UserSerializer, PAT, description="The people that the caller may see."),
    ),
    retrieve=Operation(
        "getUser",
        "Read one person",
        "A person whom the caller may not see is answered like one who does not exist.",
        one(UserSerializer, PAT, description="The person."),
    ),
)


class UserToken(OpenApiAuthenticationExtension):
    """How to prove who is calling."""

    target_class = "users.oauth.authentication.BearerAuthentication"
    name = "userToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access_token` that `POST /token` answers with.",
        }
