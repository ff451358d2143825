"""The Back Office's start page: people per warehouse, people without one, sign-ins, the latest changes.

Each part requires the permissions to view its models, and counts what the user may see. Figures are cached for a
minute: those of all together, those of a confined user for this user and the warehouses that they manage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import BigIntegerField, CharField, Count, DateField, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, TruncDate
from django.http import HttpRequest
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from config.digests import digest
from config.history import changes
from config.history.pages import query_for
from users.models import AuditEvent, Session, User
from warehouses.models import Warehouse

#: Most age of a cached figure.
CACHE_SECONDS = 60
DAYS = 14
TOP = 20
LATEST = 10
#: The security event of a failed sign-in.
FAILED = "failed_login"


@dataclass(frozen=True)
class Place:
    """A warehouse, the number of people who work in it now, and the length of its bar."""

    pk: int
    name: str
    people: int
    #: Of the longest bar.
    percent: int


@dataclass(frozen=True)
class Day:
    day: date
    sign_ins: int
    percent: int
    failures: int


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's `DASHBOARD_CALLBACK`. Parts that the user may not see are missing."""
    viewer: Any = request.user
    may = viewer.may_somewhere
    parts: dict[str, Any] = {"kept_seconds": CACHE_SECONDS} | _cached("figures", _figures, viewer)
    parts["may_hire"] = admin.site.get_model_admin(User).has_add_permission(request)
    parts["may_view_events"], parts["counts_failures"] = may("users.view_auditevent"), not viewer.is_confined
    parts["may_view_users"], parts["may_view_sessions"] = may("users.view_user"), may("users.view_session")
    if may("warehouses.view_warehouse") and may("assignments.view_warehouseuserassignment"):
        parts |= _cached("places", _places, viewer)
    if (seen := query_for(viewer)).kinds:
        parts["latest"], _more = changes.find(seen, LATEST)
    return context | parts


def _cached(name: str, count: Callable[[User], dict[str, Any]], viewer: User) -> Any:
    """The figures, counted at most once a minute by each server process, and the time of the count."""
    key = f"dashboard.{name}"
    if viewer.is_confined:
        key += f".{viewer.pk}.{digest(','.join(map(str, sorted(viewer.managed))))}"
    return cache.get_or_set(key, lambda: count(viewer) | {f"{name}_at": timezone.now()}, CACHE_SECONDS)


# --- People per warehouse ----------------------------------------------------------------------------------------
def _places(viewer: User) -> dict[str, Any]:
    """One query: the active assignments of each available warehouse, less those that are over and those of people who
    cannot work now; and, with the key 0, the number of assignments that end soon.

    An index alone counts the first, and the others are few.
    """
    rows = WarehouseUserAssignment.objects.visible_to(viewer)
    active = rows.filter(is_active=True).number_in(OuterRef("pk"))
    others = _per_warehouse(rows.active_of_idle_people(), -1), _per_warehouse(rows.active_but_ended(), -1)
    ending = _per_warehouse(rows.ending_soon().annotate(any_warehouse=Value(0, BigIntegerField())), 1, "any_warehouse")
    counted = Warehouse.objects.visible_to(viewer).filter(is_active=True).order_by().annotate(number=active)
    names: dict[int, str] = {}
    working: Counter[int] = Counter()
    for pk, name, number in counted.values_list("pk", "name", "number").union(*others, ending, all=True):
        working[pk] += number
        if name:
            names[pk] = name
    by_people = sorted(((working[pk], pk) for pk in names if working[pk]), key=lambda one: (-one[0], one[1]))
    most = by_people[0][0] if by_people else 0
    return {
        "places": [Place(pk, names[pk], people, _percent(people, most)) for people, pk in by_people[:TOP]],
        "working": sum(people for people, _pk in by_people),
        "ending": working[0],
    }


def _per_warehouse(rows: QuerySet[Any], sign: int, group: str = "warehouse") -> QuerySet[Any, Any]:
    """Warehouse, an empty name, and the number of these rows with this sign."""
    numbers = rows.order_by().values(group).annotate(number=Count("*") * sign)
    return numbers.annotate(name=Value("", CharField())).values_list(group, "name", "number")


def _percent(part: int, whole: int) -> int:
    """At least 1 for a part above 0, so that its bar is visible."""
    return max(1, round(100 * part / whole)) if part else 0


# --- Sign-ins ----------------------------------------------------------------------------------------------------
def _figures(viewer: User) -> dict[str, Any]:
    """One query: a union of rows of what is counted, the day (or NULL) and the number."""
    today = timezone.localdate()
    since = timezone.make_aware(datetime.combine(today - timedelta(days=DAYS - 1), datetime.min.time()))
    sessions, failed = Session.objects.visible_to(viewer), AuditEvent.objects.filter(tag=FAILED, at__gte=since)
    rows = _numbers("idle", User.objects.listed().visible_to(viewer).without_warehouse()).union(
        _numbers("open", sessions.live()),
        _numbers("sign-in", sessions.filter(created_at__gte=since), TruncDate("created_at")),
        _numbers("failure", failed.none() if viewer.is_confined else failed, TruncDate("at")),
        all=True,
    )
    numbers: dict[tuple[str, date | None], int] = {(row["what"], row["day"]): row["number"] for row in rows}
    days = [today - timedelta(days=n) for n in range(DAYS)]
    most = max(numbers.get(("sign-in", day), 0) for day in days)
    return {
        "idle": numbers.get(("idle", None), 0),
        "open_sessions": numbers.get(("open", None), 0),
        "failures_today": numbers.get(("failure", today), 0),
        "days": [_day(day, numbers, most) for day in days],
    }


def _day(day: date, numbers: dict[tuple[str, date | None], int], most: int) -> Day:
    sign_ins = numbers.get(("sign-in", day), 0)
    return Day(day, sign_ins, _percent(sign_ins, most), numbers.get(("failure", day), 0))


def _numbers(what: str, rows: QuerySet[Any], day: Any = None) -> QuerySet[Any, Any]:
    named = rows.order_by().annotate(what=Value(what, CharField()), day=day or Cast(Value(None), DateField()))
    return named.values("what", "day").annotate(number=Count("*"))
