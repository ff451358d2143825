"""Issues warehouse tokens (contract 0.4 and section 2.3)."""

from __future__ import annotations

from django.db import IntegrityError

from assignments import errors
from assignments.models import WarehouseGrant, WarehouseUserAssignment
from assignments.tokens.warehouse_token import WarehouseToken
from config.audit.log import audit
from config.rule_errors import RuleError
from users.models import Session


def issue(session: Session) -> tuple[WarehouseToken, str]:
    """A warehouse token for the current warehouse of the session's person, and its refresh token. Logs both outcomes.

    Raises RuleError 5101 unless the person is an active warehouse user with an active warehouse.
    """
    person = session.user
    assignment = WarehouseUserAssignment.objects.active_for(person)
    if assignment is None:
        raise _refused(session)
    assignment.user = person
    try:
        grant, refresh_token = WarehouseGrant.objects.start(assignment, session)
    except IntegrityError:  # the assignment was deleted since it was read
        raise _refused(session) from None
    audit.info("Successful Login (Warehouse User)", tag="warehouse_user_successful_login", user_uuid=str(person.uuid))
    return WarehouseToken.for_grant(grant), refresh_token


def _refused(session: Session) -> RuleError:
    person = str(session.user.uuid)
    audit.warning("Failed Login (Warehouse User)", tag="warehouse_user_failed_login", user_uuid=person)
    return RuleError(errors.FORBIDDEN)
