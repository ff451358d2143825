"""The routes of AuthZEN in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema

from assignments.access.decision import Reason
from assignments.access.evaluation import MAX_EVALUATIONS, PERSON, SEMANTICS, WAREHOUSE, WORK
from config.api import errors
from config.api.schema.components import Component, header, members, refusals, request, response
from users.oauth.errors import BadClientError, BlockedError, UnreadableBodyError
from users.oauth.schema.operations import oauth_refusals
from users.schema import PAT
from warehouses.schema import NORTH_DOCK

_JSON = "application/json"
_TEXT, _OBJECT = {"type": "string"}, {"type": "object"}
_NO_STORE = header("Cache-Control", 200, "`no-store`: the next moment it may be otherwise.")
_REQUEST_ID = OpenApiParameter(
    "X-Request-ID",
    str,
    OpenApiParameter.HEADER,
    description="Any text of ASCII; the answer has the same header, or else the ID that the log has.",
)
_WHO = (
    "For confidential clients, which send id and secret by HTTP Basic. From one query, as of the moment of asking: a "
    "withdrawal that has been answered is known. Who or what is unknown is denied like anything else. A client that "
    "may read reasons is told why in `context` (`docs/api.md`, Reasons)."
)


def _entity(*required: str, is_complete: bool) -> dict[str, Any]:
    return members(required if is_complete else [], **dict.fromkeys(required, _TEXT), properties=_OBJECT)


def _question(*, is_complete: bool, **more: Any) -> dict[str, Any]:
    """A question and more members; in a list of them, what is missing may be a default."""
    return members(
        ["subject", "action", "resource"] if is_complete else [],
        subject=_entity("type", "id", is_complete=is_complete),
        action=_entity("name", is_complete=is_complete),
        resource=_entity("type", "id", is_complete=is_complete),
        context=_OBJECT | {"description": "Not needed, and not looked at."},
        **more,
    )


_DECISION = Component(
    "Decision",
    members(
        ["decision"],
        decision={"type": "boolean"},
        context={
            "description": "Why not, for a client that may read it; or what the question lacks.",
            **members(
                [],
                reason={"type": "string", "enum": [*Reason]},
                error=members(status={"type": "integer"}, message=_TEXT),
            ),
        },
    ),
)
_DECISIONS = {"type": "array", "minItems": 1, "items": _DECISION}
_SUBJECT = {"subject": {"type": PERSON, "id": str(PAT.uuid)}, "action": {"name": WORK}}
_IN_NORTH_DOCK = {"resource": {"type": WAREHOUSE, "id": str(NORTH_DOCK.uuid)}}
_ELSEWHERE = {"resource": {"type": WAREHOUSE, "id": "0f0d0a53-1f0c-4c3e-9a53-6d1b1f3c9f4e"}}
_DENIED = {"decision": False, "context": {"reason": Reason.ACTIVE_ELSEWHERE}}

_REFUSALS = oauth_refusals(
    UnreadableBodyError("`subject` is missing."), BadClientError(is_challenged=True), BlockedError(240)
)

EVALUATION = extend_schema(
    operation_id="evaluate",
    tags=["Decisions"],
    summary="Ask whether a person may work in a warehouse now",
    description=f"OpenID AuthZEN Authorization API 1.0. {_WHO}",
    parameters=[_NO_STORE, _REQUEST_ID],
    request=request(
        _JSON,
        Component("EvaluationRequest", _question(is_complete=True)),
        {"May Pat work in North Dock?": _SUBJECT | _IN_NORTH_DOCK},
    ),
    responses={
        200: response(_DECISION, "The decision.", {"Yes": {"decision": True}, "No, and why": _DENIED}),
        **_REFUSALS,
    },
)

EVALUATIONS = extend_schema(
    operation_id="evaluateMany",
    tags=["Decisions"],
    summary="Ask the same of many",
    description="What a question lacks is taken from the body's own members, as a whole; a question that lacks "
    f"something all the same is denied, and the others are answered. Without questions the body is one. {_WHO}",
    parameters=[_NO_STORE, _REQUEST_ID],
    request=request(
        _JSON,
        Component(
            "EvaluationsRequest",
            _question(
                is_complete=False,
                evaluations={"type": "array", "maxItems": MAX_EVALUATIONS, "items": _question(is_complete=False)},
                options=members([], evaluations_semantic={"type": "string", "enum": [*SEMANTICS]}),
            ),
        ),
        {"In which of two warehouses?": _SUBJECT | {"evaluations": [_IN_NORTH_DOCK, _ELSEWHERE]}},
    ),
    responses={
        200: response(
            Component("Decisions", {"anyOf": [members(evaluations=_DECISIONS), _DECISION]}),
            "The decisions, in the order of the questions; without questions, one.",
            {"Yes and no": {"evaluations": [{"decision": True}, _DENIED]}},
        ),
        **_REFUSALS,
    },
)

_METADATA = {
    "policy_decision_point": settings.ISSUER,
    "access_evaluation_endpoint": f"{settings.ISSUER}/access/v1/evaluation",
    "access_evaluations_endpoint": f"{settings.ISSUER}/access/v1/evaluations",
}
CONFIGURATION = extend_schema(
    operation_id="getAccessConfiguration",
    tags=["Decisions"],
    summary="Where decisions are asked for",
    description="What a client library needs to know (AuthZEN Authorization API 1.0, Policy Decision Point Metadata).",
    parameters=[header("Cache-Control", 200, "How long the answer may be kept.")],
    responses={
        200: response(
            Component("AccessConfiguration", members(**dict.fromkeys(_METADATA, _TEXT))),
            "The metadata.",
            {"The metadata": _METADATA},
        ),
        **refusals("oauth", errors.CRASHED),
    },
)
