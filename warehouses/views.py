from __future__ import annotations

from django.db.models import QuerySet

from config.api.views import ReadOnlyModelViewSet
from users.oauth.tokens import Scope
from warehouses import errors, schema
from warehouses.filters import WarehouseFilterSet
from warehouses.models import Warehouse
from warehouses.serializers import WarehouseSerializer


@schema.WAREHOUSES
class WarehouseViewSet(ReadOnlyModelViewSet):
    """`/warehouses`, read-only (contract 0.4)."""

    serializer_class = WarehouseSerializer
    filterset_class = WarehouseFilterSet
    rights = {Scope.BACK_OFFICE_USER: {"list", "retrieve"}, Scope.WAREHOUSE_USER: {"list", "retrieve"}}
    missing = errors.NOT_FOUND

    def get_queryset(self) -> QuerySet[Warehouse]:
        return Warehouse.objects.visible_to(self.caller)
