"""Demo data: named people to try the product with, and on request millions of rows to measure it.

Loading twice adds nothing. The millions are inserted past the write methods, but under the constraints of the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from tqdm import tqdm

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from users import roles
from users.models import Session, User
from users.models.oauth.client import Client
from warehouses.models import Warehouse

#: Of every user here. `serve` prints it, so never load demo data where real people work.
PASSWORD = "correct-Horse-7!"  # noqa: S105 (no secret)
OFFICE = "olive.office@example.test"
PICKER = "pat.picker@example.test"
#: The site manager of River Annex.
SITE_MANAGER = "rita.river@example.test"
#: A confidential client, for introspection; its secret is `PASSWORD`.
SERVICE = "picking"

#: Colleagues of Pat, and the days before today on which they have signed in.
_COLLEAGUES = (
    ("Ines", "Marino"), ("Jonas", "Weber"), ("Chloe", "Dubois"), ("Tariq", "Haddad"), ("Mia", "Novak"),
    ("Oskar", "Lind"), ("Ana", "Costa"),
)  # fmt: skip
_DAYS = 12
_BATCH_ROWS = 100_000


def is_needed() -> bool:
    """Whether the database has no users."""
    return not User.objects.exists()


def logins() -> dict[str, User]:
    """The two users to sign in as, or nothing without demo data."""
    found = {user.email: user for user in User.objects.filter(email__in=[OFFICE, PICKER])}
    return {"office": found[OFFICE], "picker": found[PICKER]} if len(found) == 2 else {}


def load_named() -> None:
    """Olive of the Back Office, a site manager, warehouse users, three warehouses, assignments, a service."""
    warehouses = {
        name: Warehouse.objects.get_or_create(name=name, defaults={"is_active": is_active})[0]
        for name, is_active in (("North Dock", True), ("River Annex", True), ("Old Mill", False))
    }
    _person(OFFICE, "Olive", "Office", is_superuser=True)
    rita = _person(SITE_MANAGER, "Rita", "River", is_confined=True)
    rita.groups.add(Group.objects.get(name=roles.SITE_MANAGER))
    ManagedWarehouse.objects.set_for(rita, add=[warehouses["River Annex"]], remove=[])
    pat = _person(PICKER, "Pat", "Picker", is_warehouse_user=True)
    sam = _person("sam.stacker@example.test", "Sam", "Stacker", is_warehouse_user=True)
    assignments = WarehouseUserAssignment.objects
    assignments.set_warehouses(pat, add=[warehouses["North Dock"], warehouses["River Annex"]], remove=[])
    assignments.set_warehouses(sam, add=[warehouses["North Dock"]], remove=[])
    _service(SERVICE)
    for number, (first_name, last_name) in enumerate(_COLLEAGUES):
        _colleague(number, first_name, last_name, [warehouses["North Dock"], warehouses["River Annex"]])


def _person(email: str, first_name: str, last_name: str, **fields: Any) -> User:
    user = User.objects.by_email(email).first()
    names = {"first_name": first_name, "last_name": last_name}
    return user or User.objects.create_user(email, PASSWORD, **names, **fields)


@transaction.atomic
def _colleague(number: int, first_name: str, last_name: str, warehouses: list[Warehouse]) -> None:
    """A warehouse user who has worked in one warehouse, works in another, and has signed in over the last days."""
    email = f"{first_name}.{last_name}@example.test".lower()
    if User.objects.by_email(email).exists():
        return
    person = _person(email, first_name, last_name, is_warehouse_user=True)
    WarehouseUserAssignment.objects.set_warehouses(person, add=warehouses, remove=[])
    for assignment in person.assignments.order_by("warehouse__name" if number % 3 else "-warehouse__name"):
        assignment.activate()
    for day in range(number % 3, _DAYS, 3):
        _sign_in(person, timezone.now() - timedelta(days=day, minutes=7 * number))


def _sign_in(person: User, moment: datetime) -> None:
    """A session of the app that began then, and ended with the shift unless it began today."""
    now = timezone.now()
    ended = min(moment + timedelta(hours=8), now) if moment.date() < now.date() else None
    session = Session(
        user=person,
        client_id=settings.DEFAULT_CLIENT_ID,
        user_agent="Fulfillment App",
        created_at=moment,
        last_used_at=moment,
        expires_at=moment + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
        ended_at=ended,
        end_reason="signed out" if ended else "",
    )
    session.first_refresh_token()
    session.save(force_insert=True)
    User.objects.filter(Q(last_login=None) | Q(last_login__lt=moment), pk=person.pk).update(last_login=moment)


def _service(client_id: str) -> None:
    client = Client(client_id=client_id, name="Picking", is_confidential=True)
    client.keep_secret(PASSWORD)
    if not Client.objects.filter(client_id=client_id).exists():
        client.save()


def load_many(users: int, warehouses: int, assignments: int) -> None:
    """Adds warehouse users, warehouses and assignments up to these numbers. Four in five users have an active one.

    Raises ValueError if there are more assignments than pairs of a user and a warehouse.
    """
    if assignments > users * warehouses:
        raise ValueError(f"{users} users and {warehouses} warehouses make at most {users * warehouses} assignments.")
    _insert("warehouses", warehouses, _WAREHOUSES)
    _insert("users", users, _USERS, password=make_password(PASSWORD))
    _insert("assignments", assignments, _ASSIGNMENTS, users=users, warehouses=warehouses)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # the planner needs statistics of the new rows


_WAREHOUSES = """
    INSERT INTO warehouses_warehouse (name)
    SELECT 'Warehouse ' || to_char(n, 'FM999900000') FROM generate_series(%(first)s, %(last)s) AS n
    ON CONFLICT DO NOTHING
"""
_USERS = """
    INSERT INTO users_user (email, first_name, last_name, password, is_warehouse_user)
    SELECT 'picker.' || to_char(n, 'FM9990000000') || '@example.test', 'Picker', 'No. ' || n, %(password)s, true
    FROM generate_series(%(first)s, %(last)s) AS n
    ON CONFLICT DO NOTHING
"""
# The first assignment of a user is the active one, except for every fifth user.
_ASSIGNMENTS = """
    INSERT INTO assignments_warehouseuserassignment (user_id, warehouse_id, is_active, activation)
    SELECT users_user.id, warehouses_warehouse.id, is_current, is_current::int
    FROM generate_series(%(first)s, %(last)s) AS n
    CROSS JOIN LATERAL (SELECT n / %(users)s AS turn, n %% %(users)s AS number) AS place
    CROSS JOIN LATERAL (SELECT turn = 0 AND number %% 5 <> 0 AS is_current) AS state
    JOIN users_user ON lower(email) = 'picker.' || to_char(number, 'FM9990000000') || '@example.test'
    JOIN warehouses_warehouse
        ON name = 'Warehouse ' || to_char((number * 31 + turn) %% %(warehouses)s, 'FM999900000')
    ORDER BY n
    ON CONFLICT DO NOTHING
"""


def _insert(what: str, total: int, sql: str, **parameters: Any) -> None:
    """Inserts the missing ones of the rows 0 to `total - 1`, batch by batch."""
    with connection.cursor() as cursor, tqdm(total=total, unit="rows", desc=f"{what:12}", unit_scale=True) as progress:
        for first in range(0, total, _BATCH_ROWS):
            last = min(first + _BATCH_ROWS, total) - 1
            cursor.execute(sql, parameters | {"first": first, "last": last})
            progress.update(last - first + 1)
