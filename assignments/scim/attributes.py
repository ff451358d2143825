"""What is served at `/scim/v2/`: the attributes of people and roles, and what the service can do (RFC 7643).

Attributes that are not here are ignored: directories send all that they know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from django.conf import settings
from pydantic import Field
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Returned,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
    User,
)

#: Most resources in one answer, and most operations of one bulk request.
MAX_RESULTS, MAX_OPERATIONS = 500, 100


class Name(ComplexAttribute):
    given_name: Annotated[str | None, Required.true] = None
    family_name: Annotated[str | None, Required.true] = None


class Email(ComplexAttribute):
    """A person has one address: the primary of several, or else the first for work, or else the first."""

    value: str | None = None
    type: str | None = Field(None, examples=["work"])
    primary: bool | None = None


class Membership(ComplexAttribute):
    """A role of a person that the client may give."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    display: Annotated[str | None, Mutability.read_only] = None


class DirectoryUser(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Annotated[Name | None, Required.true] = None
    active: Annotated[bool | None, Required.true] = None
    emails: list[Email] | None = None
    groups: Annotated[list[Membership] | None, Mutability.read_only] = None
    password: Annotated[str | None, Mutability.write_only, Returned.never] = None

    Name: ClassVar[type[ComplexAttribute]] = Name


class AssignedWarehouse(ComplexAttribute):
    """A warehouse that is assigned to a person, and the period there. It is sent by uuid or name, and read by uuid."""

    value: Annotated[str | None, Required.true] = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class WarehouseUser(Extension):
    """What only this site knows about people. Without it: no warehouse user, English, assigned nowhere."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:warehouses:2.0:User")

    is_warehouse_user: bool | None = None
    language: str | None = Field(None, examples=["en_US", "de_DE"])
    warehouses: list[AssignedWarehouse] | None = None
    #: The same by their names, with semicolons between them: some directories send texts only, such as Entra ID.
    warehouse_names: str | None = None


class Member(ComplexAttribute):
    """A person who has a role."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class DirectoryGroup(Resource[Any]):
    """A role that the client may give."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


Person = DirectoryUser[WarehouseUser]

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=settings.MAX_BODY_BYTES),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="OAuth 2.0 bearer token",
            description="From /token, by grant_type=client_credentials.",
            primary=True,
        ),
        AuthenticationScheme(
            type=AuthenticationScheme.Type.httpbasic,
            name="HTTP Basic",
            description="The client's ID and secret.",
        ),
    ],
)

#: How directories depart from the RFCs: unknown attributes, members to remove as a value, and entries that a filter of
#: a path describes and that do not exist yet.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)

PROVIDER: Any = ScimProvider(
    [DirectoryUser, WarehouseUser, DirectoryGroup],
    [ResourceType.from_resource(Person), ResourceType.from_resource(DirectoryGroup)],
    CONFIG,
    POLICY,
)
