"""OpenAPI descriptions of warehouses."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view

from config.api.schema.resources import listing, reading
from warehouses import errors
from warehouses.filters import WarehouseFilterSet
from warehouses.models import Warehouse
from warehouses.serializers import WarehouseSerializer

NORTH_DOCK = Warehouse(id=7, uuid=UUID("2d62827f-8d68-4fe7-a0aa-3bd9a425c351"), name="North Dock", is_active=True)

WAREHOUSES = extend_schema_view(
    list=extend_schema(
        operation_id="listWarehouses",
        tags=["Warehouses"],
        summary="List warehouses",
        description="All of them, for a Back Office user; a warehouse user sees those assigned to them.",
        **listing(WarehouseSerializer, NORTH_DOCK, "The warehouses that the caller may see.", WarehouseFilterSet),
    ),
    retrieve=extend_schema(
        operation_id="getWarehouse",
        tags=["Warehouses"],
        summary="Read one warehouse",
        description="A warehouse that the caller may not see is answered like one that does not exist.",
        **reading(WarehouseSerializer, NORTH_DOCK, "The warehouse.", errors.NOT_FOUND),
    ),
)
