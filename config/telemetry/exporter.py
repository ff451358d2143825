"""Serves the metrics of all workers on a port of its own, by prometheus_client's server in its multiprocess mode.

It runs in the main process of `manage.py serve`. Workers write their counters to files; those of a worker that has
ended are kept, so that no counter goes back. There are no gauges in files, for which `mark_process_dead` would
have to be called.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings


def start() -> None:
    """Listens, and empties the folder of the files.

    Call it before workers are started and before a module imports prometheus_client, which looks for the folder when it
    is imported. Raises OSError if the port cannot be used.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    _listen(folder)
    for file in folder.glob("*.db"):  # of an earlier server that had this port
        file.unlink()


def _folder() -> Path:
    """One for each server on a machine, since the port is."""
    return Path(settings.VAR_DIR, "metrics", str(settings.METRICS_PORT))


def _listen(folder: Path) -> None:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    from config.telemetry.collectors import Installation, SiteState

    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    registry.register(SiteState())
    registry.register(Installation())
    server, _ = start_http_server(settings.METRICS_PORT, settings.METRICS_HOST, registry)
    os.register_at_fork(after_in_child=server.socket.close)  # workers must not hold the port
