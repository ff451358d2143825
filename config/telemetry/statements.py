"""Counts and times the SQL statements of one request."""

from __future__ import annotations

from time import perf_counter
from typing import Any


class Statements:
    """A wrapper for `connection.execute_wrapper`: Django calls it for each statement, compiled queries included."""

    def __init__(self) -> None:
        self.number = 0
        self.seconds = 0.0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        started = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += perf_counter() - started
            self.number += 1
