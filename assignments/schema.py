"""What the OpenAPI document says about assignments and warehouse tokens."""

from uuid import UUID

from django.conf import settings

from assignments import errors
from assignments.models import WarehouseUserAssignment
from assignments.serializers import AssignmentSerializer, ChangedAssignmentSerializer, NewAssignmentSerializer
from config.errors import fault_of
from config.jsonapi.schema import ResourceSchema, body_refusal, many, one, request_body
from config.schema import Answer, ApiSchema, Component, Operation
from users.schema import PAT
from warehouses.schema import NORTH_DOCK

_RESOURCE = AssignmentSerializer.Meta.resource
_PAT_IN_NORTH_DOCK = WarehouseUserAssignment(
    id=31,
    uuid=UUID("a6f8da15-cd2e-4923-89ed-56dc94865418"),
    user=PAT,
    warehouse=NORTH_DOCK,
    is_active=True,
)
_PAIR = {"userUuid": str(PAT.uuid), "warehouse": {"uuid": str(NORTH_DOCK.uuid)}}

ASSIGNMENTS = ResourceSchema(
    "Assignments",
    list=Operation(
        "listAssignments",
        "List assignments",
        "All rows, for a Back Office user; a warehouse user sees their own. Filters only ever narrow that.",
        many(AssignmentSerializer, _PAT_IN_NORTH_DOCK, description="The assignments that the caller may see."),
    ),
    retrieve=Operation(
        "getAssignment",
        "Read one assignment",
        "Another person's assignment is answered to a warehouse user like one that does not exist.",
        one(AssignmentSerializer, _PAT_IN_NORTH_DOCK, description="The assignment."),
    ),
    create=Operation(
        "createAssignment",
        "Assign a warehouse to a warehouse user",
        "For Back Office users. With `isActive` true the person stands there from now on, and the assignment that was "
        "active before becomes inactive. Every fault of the request is told at once.",
        one(
            AssignmentSerializer,
            _PAT_IN_NORTH_DOCK,
            description="The new assignment.",
            status=201,
            headers={"Location": "Where the new assignment is found."},
        ),
        request_body(
            "NewAssignment",
            NewAssignmentSerializer,
            _RESOURCE,
            {"Assign, and make it the active one": _PAIR | {"isActive": True}, "Assign only": _PAIR},
        ),
        faults=tuple(
            map(fault_of, (errors.USER_NOT_FOUND, errors.WAREHOUSE_NOT_FOUND, errors.ALREADY_EXISTS, errors.NOT_FOUND))
        ),
        refusals=[
            body_refusal(
                NewAssignmentSerializer,
                _RESOURCE,
                {"type": "users", "attributes": {"userUuid": 7, "isActive": "maybe"}},
            )
        ],
    ),
    partial_update=Operation(
        "changeAssignment",
        "Activate or deactivate an assignment",
        "Activating makes the person's other assignments inactive, in the same transaction. Only `isActive` can be "
        "changed; a warehouse user may change their own assignments.",
        one(AssignmentSerializer, _PAT_IN_NORTH_DOCK, description="The assignment as it is now."),
        request_body(
            "ChangedAssignment",
            ChangedAssignmentSerializer,
            _RESOURCE,
            {"Activate": {"isActive": True}, "Deactivate": {"isActive": False}},
        ),
        faults=(
            fault_of(errors.USER_NOT_FOUND),
            fault_of(errors.CANNOT_CHANGE),
        ),
        refusals=[
            body_refusal(ChangedAssignmentSerializer, _RESOURCE, {"attributes": {"isActive": "maybe"}}),
            body_refusal(
                ChangedAssignmentSerializer, _RESOURCE, {"id": str(PAT.uuid)}, identifier=str(_PAT_IN_NORTH_DOCK.uuid)
            ),
        ],
    ),
    destroy=Operation(
        "deleteAssignment",
        "Deassign",
        "For Back Office users. Deleting the active assignment makes no other one active, and withdraws the warehouse "
        "tokens that were issued for it.",
        Answer("Deleted.", status=204),
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
        "items": {
            "type": "object",
            "required": list(_EXAMPLE),
            "properties": {
                "tokenType": {"const": "Bearer"},
                "expiresIn": {"type": "integer", "description": "Seconds that the access token is good for."},
                "accessToken": {"type": "string", "description": "A JWT signed with RS256."},
                "refreshToken": {"type": "string", "description": "Opaque; `POST /token` takes it. Good for one use."},
            },
        },
    },
)

WAREHOUSE_TOKENS = ApiSchema(
    "Warehouse tokens",
    create=Operation(
        "createWarehouseToken",
        "Get a token for the warehouse the caller stands in",
        "Needs an active assignment to an active warehouse, and a caller who is a warehouse user. The token stops "
        "holding at once when the assignment is deactivated or deleted, the warehouse goes inactive, the person is "
        "blocked or is no warehouse user any more, or the session ends. No body is needed; one that is sent is not "
        "read.",
        Answer(
            "The token.",
            status=201,
            schema=_WAREHOUSE_TOKENS,
            examples={"The token": [_EXAMPLE]},
            headers={"Cache-Control": "`no-store`: the answer is a secret."},
        ),
        faults=(fault_of(errors.FORBIDDEN),),
    ),
)
