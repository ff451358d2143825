from django_filters.rest_framework import FilterSet

from config.api.filters import BooleanFilter, RelatedUUIDFilter, UUIDFilter
from users.models import User
from warehouses.models import Warehouse


class AssignmentFilterSet(FilterSet):
    """`filter[warehouse-user-assignments.…]` (contract section 2.4)."""

    uuid = UUIDFilter()
    user_uuid = RelatedUUIDFilter("user", to=User)
    warehouse_uuid = RelatedUUIDFilter("warehouse", to=Warehouse)
    is_active = BooleanFilter()
