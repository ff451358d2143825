from django_filters.rest_framework import FilterSet

from config.api.filters import BooleanFilter, TextFilter, UUIDFilter


class WarehouseFilterSet(FilterSet):
    """`filter[warehouses.…]` (contract 0.4)."""

    uuid = UUIDFilter()
    name = TextFilter()
    is_active = BooleanFilter()
