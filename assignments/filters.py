from django_filters.rest_framework import FilterSet

from assignments.models.past_assignment import WAS_ACTIVE, WAS_CURRENT
from assignments.querysets import ACTIVE, NOT_CURRENT
from config.api.filters import ConditionFilter, MomentFilter, RelatedUUIDFilter, UUIDFilter
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
    current = ConditionFilter(current(), otherwise=NOT_CURRENT)
    as_of = MomentFilter(
        "The assignments as they were at this moment, by the history; for Back Office users. The moment must not be "
        "in the future, nor before the first entry of the history. `isActive` and `current` mean what they were then, "
        "people and warehouses are shown as they are now. Not together with `sort`."
    )


class PastAssignmentFilterSet(AssignmentFilterSet):
    """With `asOf`: the same filters of assignments as they were."""

    is_active = ConditionFilter(WAS_ACTIVE)
    current = ConditionFilter(WAS_CURRENT)
