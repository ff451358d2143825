"""Demo data: a handful of named people to try the product with, and, on request, millions of rows to measure it.

The millions go in by COPY, batch by batch, past the write methods of the models; the database still holds the rule.
Everything is idempotent: what is there already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection
from tqdm import tqdm

from assignments.models import WarehouseUserAssignment
from users.models import User
from users.models.client import Client
from warehouses.models import Warehouse

#: Of everybody here: printed at every start, so never load this where real people work.
PASSWORD = "correct-Horse-7!"  # noqa: S105 (no secret)
OFFICE = "olive.office@example.test"
PICKER = "pat.picker@example.test"
#: A service that may ask whether tokens hold; its secret is the password above.
SERVICE = "picking"

_BATCH_ROWS = 100_000


def is_needed() -> bool:
    """True for a database without people."""
    return not User.objects.exists()


def logins() -> dict[str, User]:
    """The two people to sign in as, or nothing where the demo data is not there."""
    found = {user.email: user for user in User.objects.filter(email__in=[OFFICE, PICKER])}
    return {"office": found[OFFICE], "picker": found[PICKER]} if len(found) == 2 else {}


def load_named() -> None:
    """Olive of the Back Office, two warehouse users, three warehouses (one inactive), three assignments, a service."""
    warehouses = {
        name: Warehouse.objects.get_or_create(name=name, defaults={"is_active": is_active})[0]
        for name, is_active in (("North Dock", True), ("River Annex", True), ("Old Mill", False))
    }
    _person(OFFICE, "Olive", "Office", is_superuser=True)
    pat = _person(PICKER, "Pat", "Picker", is_warehouse_user=True)
    sam = _person("sam.stacker@example.test", "Sam", "Stacker", is_warehouse_user=True)
    assignments = WarehouseUserAssignment.objects
    assignments.set_warehouses(pat, add=[warehouses["North Dock"], warehouses["River Annex"]], remove=[])
    assignments.set_warehouses(sam, add=[warehouses["North Dock"]], remove=[])
    _service(SERVICE)


def _person(email: str, first_name: str, last_name: str, **fields: Any) -> User:
    user = User.objects.by_email(email).first()
    names = {"first_name": first_name, "last_name": last_name}
    return user or User.objects.create_user(email, PASSWORD, **names, **fields)


def _service(client_id: str) -> None:
    client = Client(client_id=client_id, name="Picking", is_confidential=True)
    client.keep_secret(PASSWORD)
    if not Client.objects.filter(client_id=client_id).exists():
        client.save()


def load_many(users: int, warehouses: int, assignments: int) -> None:
    """So many more warehouse users, warehouses and assignments, spread evenly; four in five people stand somewhere.

    Raises ValueError when the assignments do not fit: a person has a warehouse at most once.
    """
    if assignments > users * warehouses:
        raise ValueError(f"{users} users and {warehouses} warehouses make at most {users * warehouses} assignments.")
    password = make_password(PASSWORD)
    _copy("warehouses", ("name",), ((f"Warehouse {n:05}",) for n in range(warehouses)), warehouses, _INTO_WAREHOUSES)
    people = ((f"picker.{n:07}@example.test", "Picker", f"No. {n}", password) for n in range(users))
    _copy("users", ("email", "first_name", "last_name", "password"), people, users, _INTO_USERS)
    rows = _assignments(
        _ids(_LOADED_USERS, users),
        _ids(_LOADED_WAREHOUSES, warehouses),
        assignments,
    )
    _copy("assignments", ("user_id", "warehouse_id", "is_active"), rows, assignments, _INTO_ASSIGNMENTS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # so that the planner knows at once what came in


def _assignments(users: list[int], warehouses: list[int], total: int) -> Iterator[tuple[int, int, bool]]:
    for n in range(total):
        turn, person = divmod(n, len(users))
        place = (person * 31 + turn) % len(warehouses)
        yield users[person], warehouses[place], turn == 0 and person % 5 != 0


def _ids(sql: str, most: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [most])
        return [pk for (pk,) in cursor.fetchall()]


_LOADED_USERS = r"""
    SELECT id FROM users_user WHERE email ~ '^picker\.\d{7,}@example\.test$' ORDER BY length(email), email LIMIT %s
"""
_LOADED_WAREHOUSES = r"""
    SELECT id FROM warehouses_warehouse WHERE name ~ '^Warehouse \d{5,}$' ORDER BY length(name), name LIMIT %s
"""
_INTO_WAREHOUSES = """
    INSERT INTO warehouses_warehouse (uuid, name, is_active)
    SELECT gen_random_uuid(), name, true FROM batch ON CONFLICT DO NOTHING
"""
_INTO_USERS = """
    INSERT INTO users_user (uuid, email, first_name, last_name, password, status, is_warehouse_user, language,
                            is_superuser)
    SELECT gen_random_uuid(), email, first_name, last_name, password, 'active', true, 'en_US', false
    FROM batch ON CONFLICT DO NOTHING
"""
_INTO_ASSIGNMENTS = """
    INSERT INTO assignments_warehouseuserassignment (uuid, user_id, warehouse_id, is_active, activation)
    SELECT gen_random_uuid(), user_id::bigint, warehouse_id::bigint, is_active::boolean, is_active::boolean::int
    FROM batch ON CONFLICT DO NOTHING
"""


def _copy(what: str, columns: Iterable[str], rows: Iterator[tuple[Any, ...]], total: int, insert: str) -> None:
    """COPYs rows into a temporary table and inserts from there what is not there yet, batch by batch."""
    names = ", ".join(columns)
    with connection.cursor() as cursor, tqdm(total=total, unit="rows", desc=f"{what:12}", unit_scale=True) as progress:
        cursor.execute(f"CREATE TEMPORARY TABLE batch ({', '.join(f'{name} text' for name in columns)})")
        while batch := list(islice(rows, _BATCH_ROWS)):
            with cursor.copy(f"COPY batch ({names}) FROM STDIN") as copy:
                for row in batch:
                    copy.write_row(row)
            cursor.execute(insert)
            cursor.execute("TRUNCATE batch")
            progress.update(len(batch))
        cursor.execute("DROP TABLE batch")
