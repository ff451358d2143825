"""Retention of the history (`HISTORY_DAYS`): what is older is not shown, and `manage.py purge` deletes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import LessThan
from django.utils import timezone

#: Events looked at in one transaction.
BATCH_SIZE = 20_000


def kept_since() -> datetime | None:
    """The moment before which nothing is shown; None if the history is kept for ever."""
    return timezone.now() - timedelta(days=settings.HISTORY_DAYS) if settings.HISTORY_DAYS else None


def delete_old_events(model: Any) -> int:
    """Deletes a tracked model's events from before `kept_since`. Returns their number.

    The last one before that moment stays for each object that was there then: it says what the object was like. Each
    event is looked at once, in the order of an index, however many stay.
    """
    before, events = kept_since(), model.pgh_event_model
    if before is None:
        return 0
    every = events._base_manager.all()
    old, superfluous = every.filter(pgh_created_at__lt=before), _superfluous(every, before)
    total, after = 0, Q()
    with pgtrigger.ignore(f"{events._meta.label}:append_only"):
        while (last := _last_of_batch(old.filter(after))) is not None:
            moment, number = last
            upto = Q(pgh_created_at__lt=moment) | Q(pgh_created_at=moment, pgh_id__lte=number)
            deleted, _by_model = old.filter(after, upto, superfluous).delete()
            total += deleted
            # The first condition is the bound for the index.
            beyond = Q(pgh_created_at__gt=moment) | Q(pgh_id__gt=number)
            after = Q(pgh_created_at__gte=moment) & beyond
    return total


def _superfluous(events: QuerySet[Any], before: datetime) -> Q:
    """The condition of an event that says nothing about that moment: the object's next one is old, or it is deleted.

    A transaction that began earlier can delete what another one has made meanwhile, and its event is the older one. It
    stays until the other one goes: without it, the object would be taken for one that is still there.
    """
    same = events.filter(pgh_obj=OuterRef("pgh_obj"))
    following = same.filter(pgh_id__gt=OuterRef("pgh_id")).order_by("pgh_id").values("pgh_created_at")
    former = same.filter(pgh_id__lt=OuterRef("pgh_id"), pgh_created_at__gt=OuterRef("pgh_created_at")).order_by()
    return Q(LessThan(Subquery(following[:1]), before)) | Q(~Exists(former), pgh_label="delete")


def _last_of_batch(events: QuerySet[Any]) -> tuple[datetime, int] | None:
    rows = events.order_by("pgh_created_at", "pgh_id").values_list("pgh_created_at", "pgh_id")
    full: tuple[datetime, int] | None = rows[BATCH_SIZE - 1 : BATCH_SIZE].first()
    return full or rows.reverse().first()
