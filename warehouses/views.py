from __future__ import annotations

from django.db.models import QuerySet

from config.jsonapi import filters
from config.jsonapi.views import ResourceViewSet
from users.oauth.tokens import Scope
from warehouses import errors, schema
from warehouses.models import Warehouse
from warehouses.serializers import WarehouseSerializer


class WarehouseViewSet(ResourceViewSet):
    """Warehouses, so that an integrator can find what to assign (contract 0.4)."""

    schema = schema.WAREHOUSES
    serializer_class = WarehouseSerializer
    rights = {Scope.BACK_OFFICE_USER: {"list", "retrieve"}, Scope.WAREHOUSE_USER: {"list", "retrieve"}}
    missing = errors.NOT_FOUND
    filters = {
        "uuid": filters.uuids("uuid"),
        "name": filters.texts("name"),
        "isActive": filters.booleans("is_active"),
    }

    def get_queryset(self) -> QuerySet[Warehouse]:
        return Warehouse.objects.visible_to(self.caller)
