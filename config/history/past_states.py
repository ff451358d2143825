"""What single rows were like at a past moment, by the history: each event holds the whole row after a change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model

from config.history.retention import kept_since


def state_at(model: type[Model], key: Any, moment: datetime) -> Any:
    """The event with the recorded columns of this row at a moment, by an index.

    None if the row was not there, as far as the history knows. Of two transactions at one row, the one that began
    earlier may have written later: it has the last word.
    """
    tracked: Any = model
    up_to_then = tracked.pgh_event_model.objects.filter(pgh_obj=key, pgh_created_at__lte=moment)
    event = up_to_then.order_by("-pgh_id").first()
    return None if event is None or event.pgh_label == "delete" else event


def began_at(models: Iterable[type[Model]]) -> datetime | None:
    """The moment before which nothing is known of these models; None if nothing was recorded. One query, by indexes.

    That is the first event of all, or the beginning of what is kept (`HISTORY_DAYS`).
    """
    tracked: Iterable[Any] = models
    first, *others = (
        model.pgh_event_model.objects.order_by("pgh_created_at", "pgh_id").values_list("pgh_created_at")[:1]
        for model in tracked
    )
    found = [moment for (moment,) in first.union(*others, all=True)]
    return max(filter(None, (min(found, default=None), kept_since())), default=None)
