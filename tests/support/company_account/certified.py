"""The certified provider of npm's `oidc-provider`, which knows nothing of us, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "oidc_provider"
MISSING = (
    "The tests of company accounts need Node.js 20 or later with npm: `apt-get install nodejs npm` (Debian, Ubuntu), "
    "`brew install node` (macOS). npm then installs what tests/support/company_account/oidc_provider/package-lock.json "
    "pins, once."
)


def installed_node() -> str:
    """Node.js, with the provider installed. Fails with what to do where there is none."""
    node, npm = shutil.which(os.environ.get("NODE", "node")), shutil.which("npm")
    assert node, MISSING
    if not (FOLDER / "node_modules" / "oidc-provider").exists():
        assert npm, MISSING
        done = subprocess.run([npm, "ci", "--no-fund", "--no-audit"], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, f"{MISSING}\n{done.stderr}"
    return node


@contextmanager
def certified(
    port: int, client: dict[str, Any], accounts: dict[str, dict[str, Any]]
) -> Iterator[subprocess.Popen[str]]:
    """The provider on this port, with one client, and accounts by the name that is typed to sign in."""
    given = json.dumps({"port": port, "client": client, "accounts": accounts})
    provider = subprocess.Popen(
        [installed_node(), "server.js", given],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert provider.stdout is not None
    try:
        assert provider.stdout.readline() == "ready\n"
        yield provider
    finally:
        provider.kill()
        provider.communicate()
