"""The short form of `make drill`: the primary is lost, and both application servers are restarted."""

from __future__ import annotations

from tests.drill import drill
from tests.drill.faults import FAULTS


def run() -> None:
    drill.run([name for name in FAULTS if name in ("primary", "restart")], is_whole=False)
