"""Serves the metrics of all workers from the main process of `serve`, by prometheus_client's own server."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings


def start() -> None:
    """Listens, and clears what an earlier server with this port has left.

    Call it before workers are started and before a module imports prometheus_client, which looks for the folder when it
    is imported. Raises OSError if the port cannot be used.
    """
    folder = Path(settings.VAR_DIR, "metrics", str(settings.METRICS_PORT))  # one for each server, as the port is
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import CollectorRegistry, start_http_server

    from config.telemetry.collectors import Installation, SiteState
    from config.telemetry.worker_files import WorkerFiles

    registry, files = CollectorRegistry(), WorkerFiles(folder)
    for collector in (files, SiteState(), Installation()):
        registry.register(collector)
    server, _ = start_http_server(settings.METRICS_PORT, settings.METRICS_HOST, registry)
    files.clear()
    os.register_at_fork(after_in_child=server.socket.close)  # workers must not hold the port
