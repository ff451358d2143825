"""A server behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.servers import live
from tests.support.servers.live import production_environment
from tests.support.waiting import MOST_SECONDS

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@contextmanager
def tls_server(tmp_path: Path, trusted: str) -> Iterator[httpx.Client]:
    """As in production: whoever does not come over TLS is sent there, which its own readiness check is, too."""
    log, port = tmp_path / "log", live.free_port()
    settings = {"TRUSTED_PROXIES": trusted, "WORKERS": "1", "HTTPS": "true", "PORT": str(port)}
    process = live.start(production_environment() | settings, log)
    try:
        live.wait_until_started(process, log)
        live.wait_until_it_listens(f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=MOST_SECONDS) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=MOST_SECONDS)
