from django_filters.rest_framework import FilterSet

from assignments.querysets import ACTIVE
from config.api.filters import ConditionFilter, RelatedUUIDFilter, UUIDFilter
from config.database.periods import current
from users.models import User
from warehouses.models import Warehouse


class AssignmentFilterSet(FilterSet):
    """`filter[warehouse-user-assignments.…]` (contract section 2.4)."""

    uuid = UUIDFilter()
    user_uuid = RelatedUUIDFilter("user", to=User)
    warehouse_uuid = RelatedUUIDFilter("warehouse", to=Warehouse)
    is_active = ConditionFilter(ACTIVE)
    #: Without it, a warehouse user's list has only what is current; a Back Office user's has all.
    current = ConditionFilter(current())
