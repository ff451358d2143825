"""Processes that take what is said to them and do nothing, as when their disk hangs or their machine is paused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]


@contextmanager
def frozen(processes: Iterable[psutil.Process]) -> Iterator[None]:
    """They are suspended one after the other, and go on when the block is left. Whoever has ended is left out."""
    suspended = []
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                suspended.append(process)
        yield
    finally:
        for process in suspended:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def family(pid: int) -> Iterator[psutil.Process]:
    """A process, and then those that it has started: by then `frozen` has suspended it, so that it starts no others."""
    main = psutil.Process(pid)
    yield main
    yield from main.children(recursive=True)
