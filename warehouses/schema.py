"""What the OpenAPI document says about warehouses."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view

from config.api.openapi import TOKEN_FAULTS, refusals
from config.api.resource_schema import (
    PATH_ID,
    document_faults,
    document_parameters,
    list_faults,
    list_parameters,
    many,
    one,
)
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
        parameters=list_parameters(WarehouseSerializer, WarehouseFilterSet),
        responses={
            200: many(WarehouseSerializer, NORTH_DOCK, "The warehouses that the caller may see."),
            **refusals("jsonapi", *list_faults(WarehouseSerializer), *TOKEN_FAULTS),
        },
    ),
    retrieve=extend_schema(
        operation_id="getWarehouse",
        tags=["Warehouses"],
        summary="Read one warehouse",
        description="A warehouse that the caller may not see is answered like one that does not exist.",
        parameters=[PATH_ID, *document_parameters(WarehouseSerializer)],
        responses={
            200: one(WarehouseSerializer, NORTH_DOCK, "The warehouse."),
            **refusals("jsonapi", *document_faults(WarehouseSerializer), errors.NOT_FOUND, *TOKEN_FAULTS),
        },
    ),
)
