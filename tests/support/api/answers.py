"""What an answer tells, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.api.client import Api


@dataclass(frozen=True)
class Told:
    """All that a caller learns of an answer, but for the time it took."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    queries: int


def told(api: Api, method: str, path: str, body: Any = None) -> Told:
    with CaptureQueriesContext(connection) as queries:
        answer = api.call(method, path, body)
    return Told(answer.status_code, tuple(sorted(answer.headers.items())), answer.content, len(queries))
