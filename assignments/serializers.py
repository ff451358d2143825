from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework_json_api.relations import SerializerMethodResourceRelatedField

from assignments import errors
from assignments.models import WarehouseUserAssignment
from config.api.errors import ApiError, Fault, fault_of, faults_in
from config.api.serializers import ModelSerializer, Moment, StrictBoolean, UUIDText
from config.database.periods import Period
from config.identifiers import parse_uuid
from users.models import User
from users.serializers import UserSerializer
from warehouses.models import Warehouse
from warehouses.serializers import WarehouseSerializer


class AssignmentSerializer(ModelSerializer):
    """An assignment (contract section 2.4), written by the write methods of the model.

    A change may repeat the row's other attributes, but change only `isActive` (contract 0.3) and, by Back Office users,
    the period (contract 0.5).
    """

    user_uuid = UUIDText(source="user.uuid")
    is_active = StrictBoolean(source="is_active_now", required=False)
    starts_at = Moment()
    ends_at = Moment()
    warehouse = WarehouseSerializer()
    users = SerializerMethodResourceRelatedField(model=User, many=True)
    warehouses = SerializerMethodResourceRelatedField(model=Warehouse, many=True)

    included_serializers = {"users": UserSerializer, "warehouses": WarehouseSerializer}

    class Meta:
        model = WarehouseUserAssignment
        resource_name = "warehouse-user-assignments"
        fields = ("id", "user_uuid", "is_active", "starts_at", "ends_at", "warehouse", "users", "warehouses")
        validators = ()  # the write methods check the constraints under the user's lock

    def get_users(self, assignment: WarehouseUserAssignment) -> list[User]:
        """Empty for a deleted user, and for one of the past whom the caller does not see."""
        is_seen = getattr(assignment, "is_user_seen", True)
        return [assignment.user] if is_seen and not assignment.user.is_deleted else []

    def get_warehouses(self, assignment: WarehouseUserAssignment) -> list[Warehouse]:
        return [assignment.warehouse]

    def to_internal_value(self, data: Any) -> Any:
        """Raises ApiError with all faults of the request at once (contract 0.3, "POST")."""
        try:
            values, faults = super().to_internal_value(data), []
        except ValidationError as invalid:
            values, faults = None, sorted(faults_in(invalid.detail), key=_is_of_is_active)
        if self.instance is not None:
            faults += _changes_refused(data, self.instance)
        elif faults:
            faults = _in_order(faults + self._missing_rows(data))
        if faults:
            raise ApiError(*faults)
        return values

    def create(self, validated_data: dict[str, Any]) -> WarehouseUserAssignment:
        is_active = validated_data.get("is_active_now", False)
        named = self._as_seen(
            user_uuid=validated_data["user"]["uuid"], warehouse_uuid=validated_data["warehouse"]["uuid"]
        )
        if self._caller.is_confined and named["warehouse_uuid"]:
            self._require_rights(named["warehouse_uuid"], ("add", "change") if is_active else ("add",))
        return WarehouseUserAssignment.objects.assign(
            **named,
            is_active=is_active,
            period=Period(validated_data.get("starts_at"), validated_data.get("ends_at")),
        )

    def update(self, instance: WarehouseUserAssignment, validated_data: dict[str, Any]) -> WarehouseUserAssignment:
        """Raises ApiError with FORBIDDEN if a warehouse user changes the period."""
        sent = {name: validated_data[name] for name in ("starts_at", "ends_at") if name in validated_data}
        bounds = {name: value for name, value in sent.items() if value != getattr(instance, name)}
        if bounds and not self._caller.acts_for_others:
            raise ApiError(errors.FORBIDDEN)
        with transaction.atomic() if bounds else nullcontext():  # each write method has a transaction of its own
            if bounds:
                instance.set_period(**bounds)
            if "is_active_now" in validated_data:
                instance.activate() if validated_data["is_active_now"] else instance.deactivate()
        return instance

    # --- What the caller sees -----------------------------------------------------------------------------------
    @property
    def _caller(self) -> User:
        return self.context["view"].caller

    def _missing_rows(self, data: dict[str, Any]) -> list[Fault]:
        """The faults of user and warehouse, of those that were sent."""
        named = {"user_uuid": _text(data, "user_uuid"), "warehouse_uuid": _text(data, "warehouse", "uuid")}
        if not any(named.values()):
            return []
        return [*map(fault_of, WarehouseUserAssignment.objects.violations_of(**self._as_seen(**named)))]

    def _as_seen(self, *, user_uuid: str | None, warehouse_uuid: str | None) -> dict[str, Any]:
        """The uuids. For a confined caller, "" in place of one that they do not see, which is answered as missing."""
        named = {"user_uuid": (User, user_uuid), "warehouse_uuid": (Warehouse, warehouse_uuid)}
        return {name: uuid if self._is_seen(model, uuid) else "" for name, (model, uuid) in named.items()}

    def _is_seen(self, model: Any, uuid: str | None) -> bool:
        if uuid is None or not self._caller.is_confined:
            return True
        return bool(model.objects.visible_to(self._caller).filter(uuid=parse_uuid(uuid)).exists())

    def _require_rights(self, warehouse_uuid: str, actions: tuple[str, ...]) -> None:
        """Raises ApiError with FORBIDDEN if a confined caller lacks a right in the warehouse."""
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
        for action in actions:
            if not self._caller.may(f"assignments.{action}_warehouseuserassignment", warehouse):
                raise ApiError(errors.FORBIDDEN)


def _text(data: dict[str, Any], *path: str) -> str | None:
    """The text at this path in the attributes as sent, or None."""
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _changes_refused(data: dict[str, Any], assignment: WarehouseUserAssignment) -> list[Fault]:
    """The faults of a change that names another user or warehouse."""
    sent = {
        "userUuid": (_text(data, "user_uuid"), assignment.user.uuid),
        "warehouse/uuid": (_text(data, "warehouse", "uuid"), assignment.warehouse.uuid),
    }
    return [
        replace(fault_of(errors.CANNOT_CHANGE), pointer=f"/data/attributes/{pointer}")
        for pointer, (text, value) in sent.items()
        if text is not None and text.lower() != str(value)
    ]


def _is_of_is_active(fault: Fault) -> bool:
    """Sorts `isActive` last: a document has it before the warehouse, contract section 2.6 after it."""
    return fault.pointer == "/data/attributes/isActive"


_ORDER = ("/data/type", "/data/attributes/userUuid", "/data/attributes/warehouse")


def _in_order(faults: list[Fault]) -> list[Fault]:
    """In the order of contract section 2.6: type, user, warehouse, then the rest."""

    def rank(fault: Fault) -> int:
        places = [place for place, start in enumerate(_ORDER) if (fault.pointer or "").startswith(start)]
        return places[0] if places else len(_ORDER)

    return sorted(faults, key=rank)
