"""Reads `deploy/`, and finds the programs that check it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.docs import ROOT

DEPLOY = ROOT / "deploy"


def files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def version() -> str:
    """The release of this code."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def documents(folder: str) -> list[dict[str, Any]]:
    """All YAML documents of a folder of `deploy/`."""
    return [one for path in sorted((DEPLOY / folder).glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def inner(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document, itself included."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inner(one)


def program(name: str, package: str) -> str:
    """A program of Debian's packages, installed if we may. Without it, skips the test, or fails in CI, and says how."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if not shutil.which(name, path=path) and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True)
    found = shutil.which(name, path=path)
    if found is None:
        missing = f"This test needs {name}: `apt-get install {package}` (Debian, Ubuntu)."
        (pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip)(missing)
    return found
