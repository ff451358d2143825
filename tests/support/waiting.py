"""Waiting for what comes sooner or later, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

#: Longest wait for anything. Whoever waits longer waits in vain: the test fails instead of holding up the others.
MOST_SECONDS = 120


def until(found: Callable[[], T]) -> T:
    """What it finds in the end. It is asked again and again."""
    end = time.monotonic() + MOST_SECONDS
    while not (result := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return result


def past_midnight(zone: str = "UTC") -> None:
    """Returns at once, but in the last minute of a day in this time zone: then, when the next day has begun.

    For a test that is to see one day only.
    """
    until(lambda: f"{datetime.now(ZoneInfo(zone)):%H:%M}" != "23:59")
