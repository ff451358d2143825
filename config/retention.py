"""Retention: deletes rows whose retention period (`AUDIT_DAYS` and others in the settings) is over.

A model takes part if its default manager has `past_retention()`, the queryset of its rows to delete. If the queryset
has `expire()`, that is called instead of deleting: it may keep the rows, without their contents or what is over.
History has its own: `config.history.retention`.
"""

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

#: Rows deleted in one transaction, so that no lock is held for long.
BATCH_SIZE = 5_000

#: Retention of failed sign-ins in days. The dashboard shows some weeks of them.
FAILURE_DAYS = 90


def retention_cutoff() -> datetime:
    """Rows that ended before this moment are past their retention of `AUDIT_DAYS`."""
    return timezone.now() - timedelta(days=settings.AUDIT_DAYS)


def past_retention() -> Iterator[QuerySet[Any]]:
    """The rows to delete, one queryset for each model that takes part."""
    for model in apps.get_models():
        if hasattr(model._default_manager, "past_retention"):
            yield model._default_manager.past_retention()


def delete(rows: QuerySet[Any]) -> int:
    """Deletes in batches. Returns the number of rows, without rows deleted by cascade."""
    total = 0
    while batch := list(rows.order_by().values_list("pk", flat=True)[:BATCH_SIZE]):
        if hasattr(rows, "expire"):
            rows.filter(pk__in=batch).expire()
        else:
            with _without_history(rows.model):
                rows.model._base_manager.filter(pk__in=batch).delete()
        total += len(batch)
    return total


def _without_history(model: Any) -> AbstractContextManager[Any]:
    """Ignores the history trigger: a deletion by retention would add one event for each row deleted."""
    tracked = hasattr(model, "pgh_event_model")
    return pgtrigger.ignore(f"{model._meta.label}:delete_delete") if tracked else nullcontext()
