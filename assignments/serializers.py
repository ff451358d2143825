from __future__ import annotations

from typing import Any

from rest_framework import serializers

from assignments.models import WarehouseUserAssignment
from config.jsonapi.body import StrictBoolean, StrictText
from config.jsonapi.documents import ResourceSerializer
from users.serializers import UserSerializer
from warehouses.serializers import WarehouseSerializer


class AssignmentSerializer(ResourceSerializer):
    """An assignment as it is shown (contract section 2.4)."""

    user_uuid = serializers.UUIDField(source="user.uuid")
    is_active = serializers.BooleanField()
    warehouse = WarehouseSerializer()

    class Meta:
        resource = "warehouse-user-assignments"
        includes: dict[str, type[ResourceSerializer]] = {"users": UserSerializer, "warehouses": WarehouseSerializer}

    @staticmethod
    def related(instance: WarehouseUserAssignment, name: str) -> list[Any]:
        if name == "warehouses":
            return [instance.warehouse]
        return [] if instance.user.is_deleted else [instance.user]  # a deleted person's name is not shown


class WarehouseReferenceSerializer(serializers.Serializer):
    """The `warehouse` member of a request: only its uuid is read."""

    uuid = StrictText()


class NewAssignmentSerializer(serializers.Serializer):
    """The attributes of POST (contract section 2.6). Declares types only: the door decides."""

    user_uuid = StrictText()
    warehouse = WarehouseReferenceSerializer()
    is_active = StrictBoolean(required=False)


class SameWarehouseSerializer(serializers.Serializer):
    """The `warehouse` member of a change: its uuid, if sent, may only repeat the row's."""

    uuid = StrictText(required=False)


class ChangedAssignmentSerializer(serializers.Serializer):
    """The attributes of PATCH (contract 0.3): `isActive`; the others may only repeat what the row says."""

    user_uuid = StrictText(required=False)
    warehouse = SameWarehouseSerializer(required=False)
    is_active = StrictBoolean(required=False)
