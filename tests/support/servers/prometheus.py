"""Prometheus's own programs, and what they make of the site's metrics."""

from __future__ import annotations

import os
import shutil
import subprocess

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.waiting import MOST_SECONDS

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
