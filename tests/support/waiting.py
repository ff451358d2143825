"""Waiting for what comes sooner or later, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

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
