"""Gauges: figures of the whole site, read from the database when Prometheus asks.

A model takes part if its default manager has `gauges()`, which yields `Gauge`. It must read little: each read is
bounded by `config.telemetry.collectors.MAX_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from django.apps import apps

from config.database.sql import rows_of
from config.history.tracking import tracked_models


class Gauge(NamedTuple):
    """A figure, or one for each value of a label. The values of a label are bounded."""

    name: str
    description: str
    values: Mapping[str, float]
    #: The name of the label; "" for a single figure, under the key "".
    label: str = ""


def sources() -> Iterator[Callable[[], Iterator[Gauge]]]:
    """What to call for gauges."""
    for model in apps.get_models():
        if hasattr(model._default_manager, "gauges"):
            yield model._default_manager.gauges
    yield _history


def _history() -> Iterator[Gauge]:
    """PostgreSQL's own estimate, as of the last VACUUM or ANALYZE: a history of years must not be counted."""
    tables = [model.pgh_event_model._meta.db_table for model in tracked_models()]
    estimates = "SELECT relname, greatest(reltuples, 0) FROM pg_class WHERE oid = ANY(%s::regclass[])"
    rows = dict(rows_of(estimates, tables))
    yield Gauge("warehouse_history_rows", "Rows of the history by table, as PostgreSQL estimates.", rows, "table")
