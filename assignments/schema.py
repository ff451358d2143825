"""OpenAPI descriptions of assignments and warehouse tokens."""

from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view

from assignments import errors
from assignments.filters import AssignmentFilterSet
from assignments.models import WarehouseUserAssignment
from assignments.serializers import AssignmentSerializer
from config.api.schema.components import TOKEN_FAULTS, Component, header, members, refusals, response
from config.api.schema.resources import PATH_ID, body_refusal, listing, reading, request, writing
from users.schema import PAT
from warehouses.schema import NORTH_DOCK

#: Sortable fields: wire name → path.
ORDERING_FIELDS = {
    "isActive": "is_active",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "startsAt": "sorted_starts_at",
    "endsAt": "sorted_ends_at",
    "warehouse.name": "warehouse__name",
}
_PAT_IN_NORTH_DOCK = WarehouseUserAssignment(
    id=31,
    uuid=UUID("a6f8da15-cd2e-4923-89ed-56dc94865418"),
    user=PAT,
    warehouse=NORTH_DOCK,
    is_active=True,
)
_PAT_IN_NORTH_DOCK.is_current = True
_NEW = {"userUuid": str(PAT.uuid), "warehouse": {"uuid": str(NORTH_DOCK.uuid)}}
_TWO_WEEKS = {"startsAt": "2026-11-30T00:00:00+01:00", "endsAt": "2026-12-14T00:00:00+01:00"}

ASSIGNMENTS = extend_schema_view(
    list=extend_schema(
        operation_id="listAssignments",
        tags=["Assignments"],
        summary="List assignments",
        description="All rows, for a Back Office user. A warehouse user sees their own: those whose period is now, "
        "or, with `filter[warehouse-user-assignments.current]`, those that it asks for. Filters only narrow that.",
        **listing(
            AssignmentSerializer,
            _PAT_IN_NORTH_DOCK,
            "The assignments that the caller may see.",
            AssignmentFilterSet,
            ORDERING_FIELDS,
        ),
    ),
    retrieve=extend_schema(
        operation_id="getAssignment",
        tags=["Assignments"],
        summary="Read one assignment",
        description="Another person's assignment is answered to a warehouse user like one that does not exist.",
        **reading(AssignmentSerializer, _PAT_IN_NORTH_DOCK, "The assignment.", errors.NOT_FOUND),
    ),
    create=extend_schema(
        operation_id="createAssignment",
        tags=["Assignments"],
        summary="Assign a warehouse to a warehouse user",
        description="For Back Office users. With `isActive` true the person works there from now on, and the "
        "assignment that was active before becomes inactive. Without `startsAt` the assignment holds at once, without "
        "`endsAt` for good; `endsAt` is the first moment at which it holds no more. One that has ended is renewed. "
        "Every fault of the request is told at once.",
        request=request(
            "NewAssignment",
            AssignmentSerializer,
            {
                "Assign, and make it the active one": _NEW | {"isActive": True},
                "Assign only": _NEW,
                "Assign for two weeks": _NEW | _TWO_WEEKS,
            },
        ),
        **writing(
            AssignmentSerializer,
            _PAT_IN_NORTH_DOCK,
            "The new assignment.",
            errors.USER_NOT_FOUND,
            errors.WAREHOUSE_NOT_FOUND,
            errors.ALREADY_EXISTS,
            errors.NOT_CURRENT,
            errors.INVALID_PERIOD,
            errors.NOT_FOUND,
            body_refusal(AssignmentSerializer(), type="users", user_uuid=7, is_active="maybe", ends_at="soon"),
            status=201,
        ),
    ),
    partial_update=extend_schema(
        operation_id="changeAssignment",
        tags=["Assignments"],
        summary="Activate or deactivate an assignment, or change its period",
        description="Activating makes the person's other assignments inactive, in the same transaction; it needs a "
        "period that is now. Only `isActive` can be changed and, by Back Office users, `startsAt` and `endsAt`: null "
        "removes one. A warehouse user may change their own assignments only, and so may whoever has signed in by the "
        "code flow of a public client, such as the Fulfillment App.",
        request=request(
            "ChangedAssignment",
            AssignmentSerializer,
            {
                "Activate": {"isActive": True},
                "Deactivate": {"isActive": False},
                "End it": {"endsAt": _TWO_WEEKS["endsAt"]},
            },
            partial=True,
        ),
        **writing(
            AssignmentSerializer,
            _PAT_IN_NORTH_DOCK,
            "The assignment as it is now.",
            errors.USER_NOT_FOUND,
            errors.CANNOT_CHANGE,
            errors.NOT_CURRENT,
            errors.INVALID_PERIOD,
            errors.FORBIDDEN,
            errors.NOT_FOUND,
            body_refusal(AssignmentSerializer(_PAT_IN_NORTH_DOCK, partial=True), is_active="maybe"),
            body_refusal(AssignmentSerializer(_PAT_IN_NORTH_DOCK, partial=True), id=str(PAT.uuid)),
        ),
    ),
    destroy=extend_schema(
        operation_id="deleteAssignment",
        tags=["Assignments"],
        summary="Deassign",
        description="For Back Office users. Deleting the active assignment makes no other one active, and withdraws "
        "the warehouse tokens that were issued for it.",
        parameters=[PATH_ID],
        responses={
            204: OpenApiResponse(description="Deleted."),
            **refusals("jsonapi", errors.NOT_FOUND, *TOKEN_FAULTS),
        },
    ),
)

_EXAMPLE = {
    "tokenType": "Bearer",
    "expiresIn": settings.WAREHOUSE_TOKEN_SECONDS,
    "accessToken": "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    "refreshToken": "warehouse.9b2f7c60a1d84e5f8c3b6a790e1d2f34.7a0b.c2lnbmF0dXJl",
}
_WAREHOUSE_TOKENS = Component(
    "WarehouseTokens",
    {
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": members(
            tokenType={"const": "Bearer"},
            expiresIn={"type": "integer", "description": "Seconds that the access token is good for."},
            accessToken={"type": "string", "description": "A JWT signed with RS256."},
            refreshToken={"type": "string", "description": "Opaque; `POST /token` takes it. Good for one use."},
        ),
    },
)

WAREHOUSE_TOKENS = extend_schema(
    operation_id="createWarehouseToken",
    tags=["Warehouse tokens"],
    summary="Get a token for the warehouse the caller works in now",
    description="Needs an active assignment to an active warehouse, and a caller who is a warehouse user. The token "
    "expires with the period of the assignment, or before. It stops holding at once when the assignment is "
    "deactivated, deleted or over, the warehouse goes inactive, the person is blocked or is no warehouse user any "
    "more, or the session ends. No body is needed; one that is sent is not read.",
    request=None,
    parameters=[header("Cache-Control", 201, "`no-store`: the answer is a secret.")],
    responses={
        201: response(_WAREHOUSE_TOKENS, "The token.", {"The token": [_EXAMPLE]}),
        **refusals("plain", errors.FORBIDDEN, *TOKEN_FAULTS),
    },
)
