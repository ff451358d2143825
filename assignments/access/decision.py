"""The decision whether a person may work in a warehouse now, with the reasons why not.

It says what a warehouse token says: `assignments.querysets.working` is the same condition in SQL, of which both
queries of tokens are made (`AssignmentQueries.granting`, `WarehouseGrantQuerySet.valid`). A test compares every state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from config.database.compiled_queries import fetch
from config.database.periods import LATEST, Period
from users.sign_in.refusals import account_reasons


class Reason(StrEnum):
    """Why the answer is as it is. The codes are part of the API and documented in `docs/api.md`: they never change."""

    WORKS_HERE = "works_here"
    UNSUPPORTED = "unsupported"
    UNKNOWN_PERSON = "unknown_person"
    DELETED = "deleted"
    BLOCKED = "blocked"
    EMPLOYMENT_OVER = "employment_over"
    NOT_A_WAREHOUSE_USER = "not_a_warehouse_user"
    UNKNOWN_WAREHOUSE = "unknown_warehouse"
    WAREHOUSE_NOT_AVAILABLE = "warehouse_not_available"
    NOT_ASSIGNED = "not_assigned"
    ASSIGNMENT_NOT_BEGUN = "assignment_not_begun"
    ASSIGNMENT_OVER = "assignment_over"
    ACTIVE_ELSEWHERE = "active_elsewhere"
    NOT_ACTIVE = "not_active"


class Decision(NamedTuple):
    """All that stands in the way, what lies deepest first; nothing if the person may work there."""

    reasons: tuple[Reason, ...]

    @property
    def is_permitted(self) -> bool:
        return not self.reasons

    @property
    def reason(self) -> Reason:
        """The one to name."""
        return self.reasons[0] if self.reasons else Reason.WORKS_HERE


#: The answer to any other question than whether a person may work in a warehouse.
UNSUPPORTED = Decision((Reason.UNSUPPORTED,))


class Facts(NamedTuple):
    """What is stored about a person, a warehouse and the assignment between them, as of `read_at`.

    None in `status`, `is_available` and `is_active`: there is no such person, warehouse or assignment.
    """

    read_at: datetime
    status: str | None
    employed_until: datetime | None
    is_warehouse_user: bool | None
    is_available: bool | None
    is_active: bool | None
    starts_at: datetime | None
    ends_at: datetime | None
    #: Whether another assignment of the person is active, which it is only in its period.
    is_active_elsewhere: bool


#: The person's row comes by its unique uuid, the assignments by their unique indexes of user and of user and warehouse.
_FACTS = """
    SELECT statement_timestamp(), person.status, person.employed_until, person.is_warehouse_user, warehouse.is_active,
        here.is_active, here.starts_at, here.ends_at,
        elsewhere.id IS NOT NULL
            AND (elsewhere.starts_at IS NULL OR elsewhere.starts_at <= statement_timestamp())
            AND (elsewhere.ends_at IS NULL OR elsewhere.ends_at > statement_timestamp())
    FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS asked (person, warehouse, place)
    LEFT JOIN users_user AS person ON person.uuid = asked.person
    LEFT JOIN warehouses_warehouse AS warehouse ON warehouse.uuid = asked.warehouse
    LEFT JOIN assignments_warehouseuserassignment AS here
        ON here.user_id = person.id AND here.warehouse_id = warehouse.id
    LEFT JOIN assignments_warehouseuserassignment AS elsewhere
        ON elsewhere.user_id = person.id AND elsewhere.is_active AND elsewhere.warehouse_id <> warehouse.id
    ORDER BY asked.place
"""


def decide(person: UUID, warehouse: UUID) -> Decision:
    """Whether this person may work in this warehouse now, by PostgreSQL's clock. One query."""
    return decide_all([(person, warehouse)])[0]


def decide_all(asked: Sequence[tuple[UUID, UUID]]) -> list[Decision]:
    """The decision for each person and warehouse, in this order, all as of the same moment. One query, or none."""
    if not asked:
        return []
    people, warehouses = zip(*asked, strict=True)
    rows = fetch(_FACTS, [list(people), list(warehouses)])
    return [decision_by(Facts(*row)) for row in rows]


def decision_by(facts: Facts) -> Decision:
    """The decision that follows from what was stored at `read_at`, now or in the past."""
    return Decision(tuple(_reasons(facts)))


def _reasons(facts: Facts) -> Iterator[Reason]:
    yield from _of_person(facts)
    if facts.is_available is None:
        yield Reason.UNKNOWN_WAREHOUSE
    elif not facts.is_available:
        yield Reason.WAREHOUSE_NOT_AVAILABLE
    if facts.status is not None and facts.is_available is not None:
        yield from _of_assignment(facts)


def _of_person(facts: Facts) -> Iterator[Reason]:
    yield from (Reason(reason) for reason in account_reasons(facts.status, facts.employed_until, facts.read_at))
    if facts.status is not None and not facts.is_warehouse_user:
        yield Reason.NOT_A_WAREHOUSE_USER


def _of_assignment(facts: Facts) -> Iterator[Reason]:
    """As `assignments.querysets.active`."""
    if facts.is_active is None:
        yield Reason.NOT_ASSIGNED
    elif not Period(facts.starts_at, facts.ends_at).includes(facts.read_at):
        is_over = facts.read_at >= (facts.ends_at or LATEST)
        yield Reason.ASSIGNMENT_OVER if is_over else Reason.ASSIGNMENT_NOT_BEGUN
    elif not facts.is_active:
        yield Reason.ACTIVE_ELSEWHERE if facts.is_active_elsewhere else Reason.NOT_ACTIVE
