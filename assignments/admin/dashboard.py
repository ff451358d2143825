"""The Back Office's landing page: where everyone is, who cannot work, who signs in, what changed last.

Each part shows to those who may view what it is made of. The figures of a whole table are kept for a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from axes.models import AccessFailureLog
from django.core.cache import cache
from django.db.models import CharField, Count, DateField, OuterRef, QuerySet, Sum, Value, Window
from django.db.models.functions import Cast, TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from config.back_office.rights import may_see_people
from config.history import changes
from config.history.pages import kinds_for
from users.models import Session, User
from warehouses.models import Warehouse

#: How long a figure may be shown before it is counted anew.
KEPT_SECONDS = 60
DAYS = 14
TOP = 20
LATEST = 10


@dataclass(frozen=True)
class Place:
    """A warehouse, how many stand in it, and how long its bar is, in percent of the longest."""

    pk: int
    name: str
    people: int
    percent: int


@dataclass(frozen=True)
class Day:
    day: date
    sign_ins: int
    percent: int
    failures: int


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template shows; a part that this person may not see is absent."""
    may = request.user.has_perm
    parts: dict[str, Any] = {"kept_seconds": KEPT_SECONDS} | _kept("figures", _figures)
    parts["may_view_users"], parts["may_view_sessions"] = may("users.view_user"), may("users.view_session")
    if may("warehouses.view_warehouse") and may("assignments.view_warehouseuserassignment"):
        parts |= _kept("places", _places)
    if kinds := kinds_for(request):
        parts["latest"], _more = changes.find(
            changes.HistoryQuery(kinds, with_emails=may_see_people(request.user)), LATEST
        )
    return context | parts


def _kept(name: str, count: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Counted at most once a minute by each server process. Says when."""
    figures: dict[str, Any] | None = cache.get(f"dashboard.{name}")
    if figures is None:
        figures = count() | {f"{name}_at": timezone.now()}
        cache.set(f"dashboard.{name}", figures, KEPT_SECONDS)
    return figures


# --- Where everyone is ------------------------------------------------------------------------------------------
def _places() -> dict[str, Any]:
    """Each warehouse's people are counted once: their sum comes along in every row."""
    standing = WarehouseUserAssignment.objects.filter(is_active=True).number_in(OuterRef("pk"))
    by_people = Warehouse.objects.annotate(standing=standing).order_by("-standing", "id")
    rows: Any = list(by_people.annotate(everywhere=Window(Sum("standing")))[:TOP])
    top = [one for one in rows if one.standing]
    most = top[0].standing if top else 0
    return {
        "places": [Place(one.pk, one.name, one.standing, _percent(one.standing, most)) for one in top],
        "standing": rows[0].everywhere if rows else 0,
    }


def _percent(part: int, whole: int) -> int:
    """At least 1 for anything at all, so that it can be seen."""
    return max(1, round(100 * part / whole)) if part else 0


# --- Who signs in -----------------------------------------------------------------------------------------------
def _failed_sign_ins(since: datetime) -> QuerySet[AccessFailureLog]:
    """Without the requests for a new password, which are counted in the same table."""
    failures = AccessFailureLog.objects.filter(attempt_time__gte=since)
    return failures.exclude(path_info=reverse("admin_password_reset"))


def _figures() -> dict[str, Any]:
    """All of them in one query: rows of what is counted, the day where it is by day, and the number."""
    today = timezone.localdate()
    since = timezone.make_aware(datetime.combine(today - timedelta(days=DAYS - 1), datetime.min.time()))
    rows = _counted("idle", User.objects.listed().without_warehouse()).union(
        _counted("open", Session.objects.live()),
        _by_day("sign-in", Session.objects.filter(created_at__gte=since), "created_at"),
        _by_day("failure", _failed_sign_ins(since), "attempt_time"),
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


def _counted(what: str, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    return _numbers(what, rows, Cast(Value(None), DateField()))


def _by_day(what: str, rows: QuerySet[Any], moment: str) -> QuerySet[Any, Any]:
    return _numbers(what, rows, TruncDate(moment))


def _numbers(what: str, rows: QuerySet[Any], day: Any) -> QuerySet[Any, Any]:
    named = rows.order_by().annotate(what=Value(what, CharField()), day=day)
    return named.values("what", "day").annotate(number=Count("*"))
