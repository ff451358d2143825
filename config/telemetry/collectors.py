"""What the exporter adds to the counters at each scrape: versions, and the gauges within a bounded time."""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Iterator

import django
from django.conf import settings
from django.db import Error, connection, connections
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from config.database import timeouts
from config.telemetry.gauges import Gauge, sources

logger = logging.getLogger(__name__)

#: Longest time for one statement, and for all of them together.
MAX_SECONDS = 3


class Installation:
    """What does not change while the server runs."""

    def collect(self) -> Iterator[Metric]:
        versions = {
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "python": platform.python_version(),
            "django": django.get_version(),
        }
        yield InfoMetricFamily("warehouse_build", "Versions of the site and of what it runs on.", versions)
        yield GaugeMetricFamily("warehouse_workers", "Workers of this server (WORKERS).", settings.WORKERS)


class SiteState:
    """The gauges, and whether the database answers.

    A read that takes longer than `MAX_SECONDS` is not waited for: a PostgreSQL whose disk hangs ignores its own
    timeouts. No further read begins until it has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: _Reader | None = None

    def collect(self) -> Iterator[Metric]:
        gauges = self._read_in_time()
        is_up = "Whether PostgreSQL answers to the exporter."
        yield GaugeMetricFamily("warehouse_database_up", is_up, value=gauges is not None)
        for gauge in gauges or ():
            yield _family(gauge)

    def _read_in_time(self) -> list[Gauge] | None:
        with self._lock:
            reader = self._reader
            if reader is None or not reader.is_alive():
                reader = self._reader = _Reader()
                reader.start()
        reader.join(MAX_SECONDS)
        return reader.gauges


class _Reader(threading.Thread):
    """Reads all gauges over a connection of its own."""

    def __init__(self) -> None:
        super().__init__(name="metrics-reader", daemon=True)
        #: None until all are read, and if the database does not answer.
        self.gauges: list[Gauge] | None = None

    def run(self) -> None:
        timeouts.use_limits_of_thread(MAX_SECONDS)
        try:
            connection.ensure_connection()
            self.gauges = list(_read())
        except Error as problem:
            logger.warning("No metrics from the database: %s", problem)
        finally:
            connections.close_all()


def _read() -> Iterator[Gauge]:
    """A source that fails, such as one that takes too long, is left out."""
    for source in sources():
        try:
            yield from list(source())
        except Error as problem:
            logger.warning("Metrics are left out: %s", problem)


def _family(gauge: Gauge) -> GaugeMetricFamily:
    family = GaugeMetricFamily(gauge.name, gauge.description, labels=[gauge.label] if gauge.label else ())
    for value, figure in gauge.values.items():
        family.add_metric([value] if gauge.label else [], figure)
    return family
