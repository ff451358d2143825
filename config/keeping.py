"""What is kept for a time only. A model whose rows go has a manager that says which: `past_keeping`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

#: Rows deleted in one transaction: few enough to hold up nobody, many enough to get on.
BATCH = 5_000


def oldest_kept() -> datetime:
    """Whatever was over before this moment is not kept."""
    return timezone.now() - timedelta(days=settings.AUDIT_DAYS)


def past_keeping() -> Iterator[QuerySet[Any]]:
    """The rows whose time is over, of each model that has such."""
    for model in apps.get_models():
        if hasattr(model._default_manager, "past_keeping"):
            yield model._default_manager.past_keeping()


def delete(rows: QuerySet[Any]) -> int:
    """Batch by batch. Returns how many rows that were, without what fell with them."""
    total = 0
    with _leaving_no_trace(rows.model):
        while batch := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
            rows.model._base_manager.filter(pk__in=batch).delete()
            total += len(batch)
    return total


def _leaving_no_trace(model: Any) -> AbstractContextManager[Any]:
    """History tells what people did; that a row was too old to keep would be one more row for each."""
    tracked = hasattr(model, "pgh_event_model")
    return pgtrigger.ignore(f"{model._meta.label}:delete_delete") if tracked else nullcontext()
