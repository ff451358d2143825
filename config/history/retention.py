"""Retention of the history (`HISTORY_DAYS`): what is older is not shown, and `manage.py purge` deletes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
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
    old = events._base_manager.filter(pgh_created_at__lt=before)
    later = old.filter(pgh_obj=OuterRef("pgh_obj"), pgh_id__gt=OuterRef("pgh_id")).order_by()
    superfluous = Q(pgh_label="delete") | Exists(later)
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


def _last_of_batch(events: QuerySet[Any]) -> tuple[datetime, int] | None:
    rows = events.order_by("pgh_created_at", "pgh_id").values_list("pgh_created_at", "pgh_id")
    full: tuple[datetime, int] | None = rows[BATCH_SIZE - 1 : BATCH_SIZE].first()
    return full or rows.reverse().first()
