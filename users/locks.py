"""In which order every write takes its locks, so that no two ever wait for each other.

1. **Administrators**: one advisory lock for whoever takes rights (`lock_administrators`). It is no row, so that the
   administrators themselves stay free to be changed, and to be blocked.
2. **Authorization codes**, then **people** in the order of their ids, `FOR NO KEY UPDATE`: all whom a write is about,
   in one statement. Whose assignments, roles, sessions or second factor change is among them; who edits or deletes a
   role locks its members.
3. **Roles** and **clients**.
4. **Warehouses** in the order of their ids.
5. **Assignments**: whoever writes them has locked their people, so that no further order is needed.
6. **Sessions** in the order of their ids, then what hangs on them.

An import begins with an advisory lock of its own (one at a time), before all of these.

Two locks are taken last, out of order, by who must not hold them for long: an import's of the administrators, and
everybody's of their own row (`User.confirm_authority`). They are given up when they are not free soon (`briefly`):
somebody may hold them who waits for us. `tests/test_lock_order.py` runs every pair of writes against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

#: So long the last locks are waited for: less than PostgreSQL takes to look for deadlocks (1 s), and than a request
#: waits for any lock (`LOCK_TIMEOUT_SECONDS`), so that it is always we who give up.
LAST_LOCK_MILLISECONDS = 250
#: The number of the advisory lock.
_ADMINISTRATORS = 4_711_001


class NotFreeError(Exception):
    """Somebody else holds it, and may be waiting for us: the transaction is to be given up."""


@contextmanager
def briefly() -> Iterator[None]:
    """From here to the end of the transaction, locks are waited for shortly. Raises NotFreeError."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LAST_LOCK_MILLISECONDS}ms'")
    try:
        yield
    except OperationalError as problem:
        if isinstance(problem.__cause__, LockNotAvailable):
            raise NotFreeError from problem
        raise


def lock_administrators() -> None:
    """Until the transaction ends, nobody else takes rights from anybody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADMINISTRATORS])
