"""Whether a person may work in a warehouse now: one decision, which says what a warehouse token says."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assignments.access.decision import _FACTS, Decision, Reason, decide, decide_all
from assignments.models import WarehouseGrant, WarehouseUserAssignment
from config.identifiers import NIL
from tests.support.api.permissions import undone
from tests.support.clock import Clock
from tests.support.docs import table
from tests.support.oauth.held_tokens import Issued, holds
from users.models import User
from users.querysets import active_account
from users.sign_in.refusals import SignInReason, account_reasons
from warehouses.models import Warehouse

DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)

#: Of each part of the state, what is stored and the reason that follows. Days from now are periods and ends.
STATUSES = {"active": None, "blocked": Reason.BLOCKED, "deleted": Reason.DELETED}
EMPLOYED_UNTIL = {1: None, 0: Reason.EMPLOYMENT_OVER}
KINDS = {True: None, False: Reason.NOT_A_WAREHOUSE_USER}
WAREHOUSES = {True: None, False: Reason.WAREHOUSE_NOT_AVAILABLE}
#: Period, and which assignment is stored as active: this one, another, none.
ASSIGNMENTS = {
    (period, active): outside or {"here": None, "elsewhere": Reason.ACTIVE_ELSEWHERE}.get(active, Reason.NOT_ACTIVE)
    for period, outside in {
        (None, None): None,
        (0, 1): None,
        (1, 2): Reason.ASSIGNMENT_NOT_BEGUN,
        (-1, 0): Reason.ASSIGNMENT_OVER,
    }.items()
    for active in ("here", "elsewhere", "elsewhere but over", "nowhere")
} | {("none", "elsewhere"): Reason.NOT_ASSIGNED}


@pytest.mark.thorough
def test_every_state_is_decided_as_a_warehouse_token_says(issued: Issued, pat_river: Any, clock: Clock) -> None:
    permitted = 0
    for state in product(STATUSES, EMPLOYED_UNTIL, KINDS, WAREHOUSES, ASSIGNMENTS):
        with undone():
            store(issued, pat_river, clock, *state)
            found = decide(issued.pat.uuid, issued.row.warehouse.uuid)
            assert found == Decision(expected(*state)), state
            granting = WarehouseUserAssignment.objects.active_for(issued.pat)
            assert found.is_permitted == holds(issued.warehouse_token) == (granting == issued.row), state
            assert_told_alike(found, issued)
            permitted += found.is_permitted
    assert permitted == 2


def assert_told_alike(decision: Decision, issued: Issued) -> None:
    """By each other query and property that has a part of the decision."""
    rows, people = WarehouseUserAssignment.objects.filter(pk=issued.row.pk), User.objects.filter(pk=issued.row.user_id)
    assert rows.working().exists() == decision.is_permitted
    assert rows.not_working().exists() == (rows.exists() and not decision.is_permitted)
    assert people.working(assignments__warehouse=issued.row.warehouse_id).exists() == decision.is_permitted
    grants = WarehouseGrant.objects.valid().filter(session__user=issued.row.user_id)
    assert grants.exists() == decision.is_permitted
    person = people.with_read_at().get()
    reasons = [*account_reasons(person.status, person.employed_until, person.read_at)]
    assert (not reasons) == person.is_active == people.filter(active_account()).exists()
    assert [Reason(reason) for reason in reasons] == [one for one in decision.reasons if one in set(SignInReason)]


def store(
    issued: Issued, other: Any, clock: Clock, status: str, until: Any, is_picker: bool, available: bool, assignment: Any
) -> None:
    """As SQL does it, without the write methods."""

    def moment(days: int | None) -> Any:
        return None if days is None else clock.now + days * DAY

    User.objects.filter(pk=issued.row.user_id).update(
        status=status, employed_until=moment(until), is_warehouse_user=is_picker
    )
    Warehouse.objects.filter(pk=issued.row.warehouse_id).update(is_active=available)
    period, active = assignment
    own = WarehouseUserAssignment.objects.filter(pk=issued.row.pk)
    if period == "none":
        own.delete()
    else:
        own.update(is_active=active == "here", starts_at=moment(period[0]), ends_at=moment(period[1]))
    if active.startswith("elsewhere"):
        ends_at = clock.now if active.endswith("over") else None
        WarehouseUserAssignment.objects.filter(pk=other.pk).update(is_active=True, ends_at=ends_at)


def expected(*state: Any) -> tuple[Reason, ...]:
    parts: Any = (STATUSES, EMPLOYED_UNTIL, KINDS, WAREHOUSES, ASSIGNMENTS)
    reasons = [part[value] for part, value in zip(parts, state, strict=True)]
    return tuple(reason for reason in reasons if reason)


def test_who_and_what_is_unknown_is_said(pat: User, north: Warehouse) -> None:
    assert decide(uuid4(), north.uuid).reasons == (Reason.UNKNOWN_PERSON,)
    assert decide(pat.uuid, uuid4()).reasons == (Reason.UNKNOWN_WAREHOUSE,)
    assert decide(NIL, NIL).reasons == (Reason.UNKNOWN_PERSON, Reason.UNKNOWN_WAREHOUSE)


def test_the_reason_that_is_named_is_the_first(issued: Issued, mill: Warehouse) -> None:
    permitted, refused = decide_all([(issued.pat.uuid, issued.row.warehouse.uuid), (issued.pat.uuid, mill.uuid)])
    assert (permitted.is_permitted, permitted.reason) == (True, Reason.WORKS_HERE)
    assert (refused.is_permitted, refused.reason) == (False, Reason.WAREHOUSE_NOT_AVAILABLE)
    assert refused.reasons == (Reason.WAREHOUSE_NOT_AVAILABLE, Reason.NOT_ASSIGNED)


@pytest.mark.parametrize("days", [1, 2])
def test_it_changes_at_the_instant_of_postgresqls_clock(issued: Issued, clock: Clock, days: int) -> None:
    """The beginning belongs to the period, the end does not."""
    WarehouseUserAssignment.objects.filter(pk=issued.row.pk).update(
        starts_at=clock.now + DAY, ends_at=clock.now + 2 * DAY
    )
    clock.move(days * DAY - MILLISECOND)
    before = decide(issued.pat.uuid, issued.row.warehouse.uuid)
    clock.move(MILLISECOND)
    after = decide(issued.pat.uuid, issued.row.warehouse.uuid)
    assert [one.reason for one in (before, after)] == {
        1: [Reason.ASSIGNMENT_NOT_BEGUN, Reason.WORKS_HERE],
        2: [Reason.WORKS_HERE, Reason.ASSIGNMENT_OVER],
    }[days]


def test_many_are_decided_in_their_order_by_one_query(issued: Issued, sam: User, river: Warehouse) -> None:
    people, warehouses = (issued.pat, sam), (issued.row.warehouse, river)
    asked = [(person.uuid, warehouse.uuid) for person in people for warehouse in warehouses] * 50
    with CaptureQueriesContext(connection) as queries:
        found = decide_all(asked)
        assert decide_all([]) == []
    assert len(queries) == 1
    assert [one.reason for one in found] == [Reason.WORKS_HERE, *[Reason.NOT_ASSIGNED] * 3] * 50


def test_the_query_reads_every_table_by_an_index(issued: Issued) -> None:
    """Also where PostgreSQL would read small tables as a whole, the indexes can answer."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {_FACTS}", [[issued.pat.uuid], [issued.row.warehouse.uuid]])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert plan.count("Index Scan using") == 4, plan


def test_the_codes_are_those_that_programs_are_told_of() -> None:
    rows = table("api.md", "Reasons")
    assert [row["Code"] for row in rows] == [*Reason]
    assert [row for row in rows if not row["Meaning"]] == []
