"""What the OpenAPI document says about warehouses."""

from uuid import UUID

from config.jsonapi.schema import ResourceSchema, many, one
from config.schema import Operation
from warehouses.models import Warehouse
from warehouses.serializers import WarehouseSerializer

NORTH_DOCK = Warehouse(id=7, uuid=UUID("2d62827f-8d68-4fe7-a0aa-3bd9a425c351"), name="North Dock", is_active=True)

WAREHOUSES = ResourceSchema(
    "Warehouses",
    list=Operation(
        "listWarehouses",
        "List warehouses",
        "All of them, for a Back Office user; a warehouse user sees those assigned to them.",
        many(WarehouseSerializer, NORTH_DOCK, description="The warehouses that the caller may see."),
    ),
    retrieve=Operation(
        "getWarehouse",
        "Read one warehouse",
        "A warehouse that the caller may not see is answered like one that does not exist.",
        one(WarehouseSerializer, NORTH_DOCK, description="The warehouse."),
    ),
)
