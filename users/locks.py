"""The order of locks, the same for every write, so that no deadlock is possible.

1. **Administrators**: one advisory lock for writes that revoke rights (`lock_administrators`). It locks no rows, so
   that the administrators themselves can be changed and deactivated.
2. **Authorization codes**, then **people** by id, `FOR NO KEY UPDATE`: in one statement, all people whose assignments,
   roles, sessions or second factor change. Editing or deleting a role locks its members.
3. **Roles**, **clients** and **company accounts**.
4. **Warehouses** by id.
5. **Assignments** and **managed warehouses**: the locks of their people make a further order unnecessary.
6. **Sessions** by id, then the rows that refer to them.

An import takes an advisory lock of its own first (one import at a time), and so does an undo (one of a change set).

Two locks are taken last, out of order, so as not to be held for long: of the administrators by an import, and of the
user's own row (`User.confirm_authority`). Their holder may wait for this transaction, so they have a short timeout
(`briefly`). `tests/rule/test_lock_order.py` runs every pair of writes against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

#: Timeout of the last locks. Less than `LOCK_TIMEOUT_SECONDS`, and than PostgreSQL's `deadlock_timeout` (1 s), after
#: which it might cancel the other transaction.
LAST_LOCK_MILLISECONDS = 250
#: The number of the advisory lock.
_ADMINISTRATORS = 4_711_001


class NotFreeError(Exception):
    """The lock is held, perhaps by a transaction that waits for this one: roll back."""


@contextmanager
def briefly() -> Iterator[None]:
    """Sets a short lock timeout until the transaction ends. Raises NotFreeError when it expires in the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LAST_LOCK_MILLISECONDS}ms'")
    try:
        yield
    except OperationalError as problem:
        if isinstance(problem.__cause__, LockNotAvailable):
            raise NotFreeError from problem
        raise


def lock_administrators() -> None:
    """Until the transaction ends, no other one can revoke rights."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADMINISTRATORS])
