"""What is installed is what was looked at: every package is pinned, by version and by the hashes of its files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.docs import ROOT, table

FILES = (
    *("requirements.txt", "requirements-tracing.txt", "requirements-dev.txt", "requirements-bench.txt"),
    "requirements-drill.txt",
)
#: A line of a requirements file, with the lines that continue it: nothing else may stand in one but comments.
PIN = re.compile(
    r"(?P<requirement>[\w.-]+(\[[\w,.-]+\])?==[\w.+!]+( ; .+?)?)(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = CONFIGURATION["project"]
#: Which packages are asked for, by the file whose pins they get.
_EXTRAS = PROJECT["optional-dependencies"]
ASKED = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-tracing.txt": PROJECT["dependencies"] + _EXTRAS["tracing"],
    "requirements-dev.txt": PROJECT["dependencies"] + _EXTRAS["tracing"] + _EXTRAS["dev"],
    "requirements-bench.txt": PROJECT["dependencies"] + _EXTRAS["bench"],
    "requirements-drill.txt": CONFIGURATION["dependency-groups"]["drill"],
}


class Pin(NamedTuple):
    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def lines(file: str) -> list[str]:
    """Without comments, and with each continued line in one."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    written = [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
    return [line for line in written if line and not line.startswith("#")]


def pins(file: str) -> dict[str, Pin]:
    """By the normal form of the name. Fails for a line that pins nothing."""
    found: dict[str, Pin] = {}
    for line in lines(file):
        pin = PIN.fullmatch(line)
        assert pin, f"{file}: no version, or no hash: {line}"
        requirement = Requirement(pin["requirement"])
        assert canonicalize_name(requirement.name) not in found, f"{file} has two pins: {line}"
        found[canonicalize_name(requirement.name)] = Pin(requirement, frozenset(pin["hashes"].split()))
    return found


def direct() -> Iterator[Requirement]:
    """What pyproject.toml asks for."""
    groups = [*PROJECT["optional-dependencies"].values(), *CONFIGURATION["dependency-groups"].values()]
    for wanted in [PROJECT["dependencies"], *groups]:
        yield from map(Requirement, wanted)


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_has_one_version_and_the_hashes_of_its_files(file: str) -> None:
    assert len(pins(file)) == len(lines(file)) >= 20


@pytest.mark.parametrize("file", FILES)
def test_no_host_is_named_that_packages_would_come_from(file: str) -> None:
    """Where they come from is the business of whoever installs; the hashes say what may come."""
    assert (
        re.findall(r"://|git\+|@|--(?!hash=)\S+|^-\S+|\w+\.(?:com|org|io|net)\b", (ROOT / file).read_text(), re.M) == []
    )


@pytest.mark.parametrize("file", FILES)
def test_everything_asked_for_is_pinned_within_its_range(file: str) -> None:
    pinned = pins(file)

    for wanted in map(Requirement, ASKED[file]):
        pin = pinned[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(pin.version), f"{wanted} does not allow {pin.version}"


def test_the_files_agree() -> None:
    """Whoever measures or tests does so with what is in production."""
    runtime, tracing, development, benchmarks, drill = (pins(file) for file in FILES)

    assert {name: tracing.get(name) for name in runtime} == runtime
    assert {name: development.get(name) for name in tracing} == tracing
    assert {name: benchmarks.get(name) for name in runtime} == runtime
    assert drill["psycopg"] == runtime["psycopg"]


def test_these_tests_run_on_what_is_pinned() -> None:
    wanted = {
        name: pin.version
        for name, pin in pins("requirements-dev.txt").items()
        if pin.requirement.marker is None or pin.requirement.marker.evaluate()
    }
    installed: dict[str, str] = {
        canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()
    }

    assert {name: installed.get(name) for name in wanted} == wanted


def test_the_docs_say_of_each_what_it_saves_us_from_writing() -> None:
    rows = table("dependencies.md", "What each package saves us from writing")
    told = [name for row in rows for name in names(row["Package"])]
    asked = {wanted.name for wanted in direct()}

    assert [name for name in sorted(asked) if not any(fnmatch(name, pattern) for pattern in told)] == []
    assert [pattern for pattern in told if not any(fnmatch(name, pattern) for name in asked)] == []
    assert [row for row in rows if not row["What it saves us from writing"]] == []


def names(cell: str) -> list[str]:
    """`drf-spectacular, -sidecar` is one package and an extra of it."""
    return [name for name in cell.split(", ") if not name.startswith("-")]
