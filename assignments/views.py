from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from assignments import errors, schema, tokens
from assignments.models import WarehouseUserAssignment
from assignments.serializers import AssignmentSerializer, ChangedAssignmentSerializer, NewAssignmentSerializer
from config.errors import ApiError, Fault, fault_of
from config.identifiers import parse_uuid
from config.jsonapi import filters
from config.jsonapi.body import Body
from config.jsonapi.renderers import PlainJSONRenderer
from config.jsonapi.views import ResourceViewSet
from config.views import ApiViewSet
from users.models import User
from users.oauth.tokens import AccessToken, Scope
from warehouses.models import Warehouse


class AssignmentViewSet(ResourceViewSet):
    """`/warehouse-user-assignments` (contract sections 2.4 to 2.8)."""

    schema = schema.ASSIGNMENTS
    serializer_class = AssignmentSerializer
    rights = {
        Scope.BACK_OFFICE_USER: {"list", "retrieve", "create", "partial_update", "destroy"},
        Scope.WAREHOUSE_USER: {"list", "retrieve", "partial_update"},
    }
    missing = errors.NOT_FOUND
    filters = {
        "uuid": filters.uuids("uuid"),
        "userUuid": filters.uuids_of("user", User.objects.all),
        "warehouseUuid": filters.uuids_of("warehouse", Warehouse.objects.all),
        "isActive": filters.booleans("is_active"),
    }
    sorts = {
        "isActive": "is_active",
        "createdAt": "created_at",
        "updatedAt": "updated_at",
        "warehouse.name": "warehouse__name",
    }

    def get_queryset(self) -> QuerySet[WarehouseUserAssignment]:
        return WarehouseUserAssignment.objects.visible_to(self.caller).with_what_is_shown("created_at", "updated_at")

    def opening(self, limit: int) -> list[WarehouseUserAssignment]:
        return WarehouseUserAssignment.objects.first_visible_to(self.caller, limit)

    def get_object(self, uuid: str) -> WarehouseUserAssignment:
        _ = self.document  # what the query asks for and is not there is refused before anything is deleted
        row = WarehouseUserAssignment.objects.one_visible_to(self.caller, parse_uuid(uuid))
        if row is None:
            raise ApiError(self.missing)
        return row

    def create(self, request: Request) -> HttpResponse:
        builder = self.document
        body = Body(request.data, NewAssignmentSerializer, self.resource)
        user_uuid, warehouse_uuid = body.text_at("user_uuid"), body.text_at("warehouse", "uuid")
        self._refuse_acting_for_others(user_uuid)
        if not (body.is_sound and user_uuid and warehouse_uuid):
            further = WarehouseUserAssignment.objects.violations_of(user_uuid=user_uuid, warehouse_uuid=warehouse_uuid)
            raise ApiError(*_in_order([*body.faults, *map(fault_of, further)]))
        assignment = WarehouseUserAssignment.objects.assign(
            user_uuid=user_uuid, warehouse_uuid=warehouse_uuid, is_active=body.values.get("is_active", False)
        )
        document = builder.one(assignment)
        location = f"{self.base}/{self.resource}/{assignment.uuid}"
        return self.answer(document, status=201, headers={"Location": location})

    def partial_update(self, request: Request, uuid: str) -> HttpResponse:
        builder, assignment = self.document, self.get_object(uuid)
        body = Body(request.data, ChangedAssignmentSerializer, self.resource, identifier=str(assignment.uuid))
        if faults := body.faults + _changes_refused(body, assignment):
            raise ApiError(*faults)
        if "is_active" in body.values:
            assignment.activate() if body.values["is_active"] else assignment.deactivate()
        return self.answer(builder.one(assignment))

    def destroy(self, request: Request, uuid: str) -> HttpResponse:
        self.get_object(uuid).deassign()
        return self.answer(status=204)

    def _refuse_acting_for_others(self, user_uuid: str | None) -> None:
        """A warehouse user who acts for another gets the answer of a missing row (contract section 2.6, no. 1)."""
        if user_uuid is not None and not self.caller.sees_everyone and user_uuid.lower() != str(self.caller.uuid):
            raise ApiError(errors.NOT_FOUND)


def _changes_refused(body: Body, assignment: WarehouseUserAssignment) -> list[Fault]:
    """Whose it is and where it is cannot be changed: that would be another assignment."""
    faults = []
    for pointer, path, value in (
        ("userUuid", ("user_uuid",), assignment.user.uuid),
        ("warehouse/uuid", ("warehouse", "uuid"), assignment.warehouse.uuid),
    ):
        sent = body.text_at(*path)
        if sent is not None and sent.lower() != str(value):
            faults.append(replace(fault_of(errors.CANNOT_CHANGE), pointer=f"/data/attributes/{pointer}"))
    return faults


_ORDER = ("/data/type", "/data/attributes/userUuid", "/data/attributes/warehouse")


def _in_order(faults: list[Fault]) -> list[Fault]:
    """In the order of contract section 2.6: person, warehouse, then the rest."""

    def rank(fault: Fault) -> int:
        places = [place for place, start in enumerate(_ORDER) if (fault.pointer or "").startswith(start)]
        return places[0] if places else len(_ORDER)

    return sorted(faults, key=rank)


class WarehouseTokenView(ApiViewSet):
    """`POST /warehouse-tokens` (contract section 2.3). The body says nothing and is not read."""

    schema = schema.WAREHOUSE_TOKENS
    error_shape = "plain"
    renderer_classes = (PlainJSONRenderer,)
    rights = {Scope.BACK_OFFICE_USER: {"create"}, Scope.WAREHOUSE_USER: {"create"}}

    def create(self, request: Request) -> HttpResponse:
        token, refresh_token = tokens.issue(cast(AccessToken, request.auth).session)
        answer: dict[str, Any] = {
            "tokenType": "Bearer",
            "expiresIn": int(token.lifetime.total_seconds()),
            "accessToken": str(token),
            "refreshToken": refresh_token,
        }
        return self.answer([answer], status=201, headers={"Cache-Control": "no-store"})
