"""What rows were like, by the history: each event holds the whole row after a change, or before its deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from config.history.retention import kept_since


def state_at(model: Any, key: Any, moment: datetime) -> Any:
    """The event with the recorded columns of this row at a moment, by an index.

    None if the row was not there, as far as the history knows. Of two transactions at one row, the one that began
    earlier may have written later: it has the last word.
    """
    up_to_then = model.pgh_event_model.objects.filter(pgh_obj=key, pgh_created_at__lte=moment)
    event = up_to_then.order_by("-pgh_id").first()
    return None if event is None or event.pgh_label == "delete" else event


def deleted_rows(model: Any, pks: Collection[Any]) -> dict[Any, Any]:
    """Primary key → unsaved instance with the recorded columns. A row that the history does not know is missing."""
    if not pks:
        return {}
    events = model.pgh_event_model
    names = [one.attname for one in events._meta.fields if not one.name.startswith("pgh_")]
    gone = events.objects.filter(pgh_obj__in=pks, pgh_label="delete")
    return {event.pgh_obj_id: model(**{name: getattr(event, name) for name in names}) for event in gone}


def began_at(models: Iterable[Any]) -> datetime | None:
    """The moment before which nothing is known of these models; None if nothing was recorded. One query, by indexes.

    That is the first event of all, or the beginning of what is kept (`HISTORY_DAYS`).
    """
    first, *others = (
        model.pgh_event_model.objects.order_by("pgh_created_at", "pgh_id").values_list("pgh_created_at")[:1]
        for model in models
    )
    found = [moment for (moment,) in first.union(*others, all=True)]
    return max(filter(None, (min(found, default=None), kept_since())), default=None)
