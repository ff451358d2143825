"""Prometheus's own programs, and what they make of the site's metrics."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from config.installation import BASE_DIR
from tests.support.servers import live
from tests.support.waiting import MOST_SECONDS

RULES = BASE_DIR / "deploy" / "prometheus" / "rules.yml"
MISSING = (
    "The tests of the metrics need {name}: `apt-get install prometheus` (Debian, Ubuntu), `brew install prometheus` "
    "(macOS), or name the program in the environment variable {variable}."
)

#: Name of a sample and its labels → value.
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def program(name: str) -> str:
    """`prometheus` or `promtool`. Fails with what to do where there is none."""
    found = shutil.which(os.environ.get(name.upper(), name))
    assert found, MISSING.format(name=name, variable=name.upper())
    return found


def promtool(*arguments: object, given: str = "") -> str:
    """What `promtool` says. Fails with its complaint."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], input=given, capture_output=True, text=True, timeout=MOST_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def scrape(port: int) -> str:
    """What Prometheus would get."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=MOST_SECONDS)
    assert answer.status_code == 200
    return answer.text


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    """The sum of all samples of this name with these labels, and maybe others."""
    wanted = labels.items()
    return sum(value for (own, found), value in samples(text).items() if own == name and wanted <= dict(found).items())


@contextmanager
def prometheus(folder: Path, *targets: int) -> Iterator[Prometheus]:
    """A running one with the rules of `deploy/`, which scrapes these ports as the job `warehouse` each second."""
    folder.mkdir()
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": "warehouse", "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in targets]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))  # which is YAML, too
    port = live.free_port()
    command = [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=log) as process,
    ):
        try:
            live.wait_until_it_listens(f"http://127.0.0.1:{port}")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=MOST_SECONDS) as client:
                yield Prometheus(client)
        finally:
            process.terminate()


class Prometheus(NamedTuple):
    client: httpx.Client

    def query(self, expression: str) -> list[Any]:
        """The series that it finds now. Fails if it does not understand."""
        answer = self.client.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        found: list[Any] = answer["data"]["result"]
        return found

    def rules(self) -> list[Any]:
        """The alerts, with how their evaluation went."""
        groups = self.client.get("/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]
