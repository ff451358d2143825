"""The files to which workers write their counters (prometheus_client's multiprocess mode), added up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

#: In the place of a process id: the sum of all workers that have ended.
_ENDED = 0
#: The kinds of metrics that workers write. Gauges would need `mark_process_dead`.
_KINDS = ("counter", "histogram")


class WorkerFiles:
    """Counters of all workers, with those that have ended, so that none goes back.

    Without merging, each reload and each crash would add to the time of every scrape.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._collector = MultiProcessCollector(None, str(folder))
        self._lock = threading.Lock()

    def clear(self) -> None:
        for file in self._folder.glob("*.db"):
            file.unlink()

    def collect(self) -> Iterable[Metric]:
        with self._lock:  # else another scrape would count twice what is being merged
            for kind in _KINDS:
                self._merge_ended(kind)
            return self._collector.collect()

    def _merge_ended(self, kind: str) -> None:
        """One file in the place of those of workers that have ended."""
        ended = [file for file in self._folder.glob(f"{kind}_*.db") if not _is_running(_process_of(file))]
        if not ended:
            return
        merged, draft = self._folder / f"{kind}_{_ENDED}.db", self._folder / "draft"
        draft.unlink(missing_ok=True)
        files = map(str, [*ended, *self._folder.glob(merged.name)])
        _write(draft, MultiProcessCollector.merge(files, accumulate=False))
        draft.replace(merged)
        for file in ended:
            file.unlink()


def _process_of(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])


def _is_running(process: int) -> bool:
    """Whether there is such a process, ours or another: then the file stays. 0 asks about this process's own group."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(file: Path, metrics: Iterable[Any]) -> None:
    written = MmapedDict(str(file))
    for metric in metrics:
        for sample in metric.samples:
            labels = (list(sample.labels), list(sample.labels.values()))
            written.write_value(mmap_key(metric.name, sample.name, *labels, metric.documentation), sample.value, 0.0)
    written.close()
