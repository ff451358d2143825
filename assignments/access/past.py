"""What was so at a past moment, by the history, and the decision that follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from assignments.access.decision import Decision, Facts, decision_by
from assignments.models import PastAssignment
from assignments.models.past_assignment import WAS_ACTIVE, recall_deleted
from config.history.past_states import state_at
from users.models import User
from warehouses.models import Warehouse


def decide_at(person: Any, warehouse: int | None, moment: datetime) -> Decision:
    """Whether this person (the state of `person_at`, or None) might work in the warehouse with this key then."""
    house = state_at(Warehouse, warehouse, moment) if warehouse else None
    of_person = list(PastAssignment.objects.at(moment).filter(user=person.pgh_obj_id)) if person else []
    here = next((row for row in of_person if row.warehouse_id == warehouse), None)
    facts = Facts(
        read_at=moment,
        status=person and person.status,
        employed_until=person and person.employed_until,
        is_warehouse_user=person and person.is_warehouse_user,
        is_available=house and house.is_active,
        is_active=here and here.is_active,
        starts_at=here and here.starts_at,
        ends_at=here and here.ends_at,
        is_active_elsewhere=any(row.is_active_now for row in of_person if row is not here),
    )
    return decision_by(facts)


def person_at(person: int, moment: datetime) -> Any:
    """The recorded columns of a person as they were at a moment, or None if nothing is known of them from then."""
    return state_at(User, person, moment)


def assignment_at(person: int, warehouse: int, moment: datetime) -> PastAssignment | None:
    """The assignment between these two at a moment."""
    found = PastAssignment.objects.at(moment).filter(user=person, warehouse=warehouse)
    return found.first()


def warehouse_of(person: int, moment: datetime) -> Warehouse | None:
    """Where somebody worked at a moment, or else where they had been assigned last; None if nowhere."""
    rows = PastAssignment.objects.at(moment).filter(user=person).select_related("warehouse")
    row = rows.order_by("-id").filter(WAS_ACTIVE).first() or rows.order_by("-id").first()
    if row is None:
        return None
    recall_deleted([row])
    return row.warehouse
