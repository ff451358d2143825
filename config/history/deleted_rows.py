"""Rows that were deleted for good, as the history has them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Model


def deleted_rows(model: type[Model], pks: Collection[Any]) -> dict[Any, Any]:
    """Primary key → unsaved instance with the recorded columns. A row that the history does not know is missing."""
    if not pks:
        return {}
    tracked: Any = model
    events = tracked.pgh_event_model
    names = [one.attname for one in events._meta.fields if not one.name.startswith("pgh_")]
    gone = events.objects.filter(pgh_obj__in=pks, pgh_label="delete")
    return {event.pgh_obj_id: model(**{name: getattr(event, name) for name in names}) for event in gone}
