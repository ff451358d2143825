"""A data folder to measure on: an embedded PostgreSQL with demo data, as `make run` keeps one under `var/`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
#: Of every account of the demo data.
PASSWORD = "correct-Horse-7!"
#: One for all sites, so that a token of the product holds at the others.
ISSUER = "http://bench.example.test"
_OURS = ("DATABASE_URL", "EMBEDDED_DATABASE_URL", "VAR_DIR", "SECRET_KEY", "HOST", "PORT", "DEBUG")


@dataclass(frozen=True)
class Size:
    """How many rows there are."""

    users: int
    warehouses: int
    assignments: int

    def __str__(self) -> str:
        return f"{self.users:,} users, {self.warehouses:,} warehouses, {self.assignments:,} assignments"


SMALL = Size(20_000, 100, 100_000)
LARGE = Size(1_000_000, 5_000, 5_000_000)


_PRINT_SIGNING_KEY = """
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from users.models.oauth.signing_key import SigningKey
key = SigningKey.objects.readable()[0].private
print(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), end="")
"""


_COUNTS = """
    SELECT (SELECT count(*) FROM users_user WHERE email LIKE 'picker.0%%'),
           (SELECT count(*) FROM warehouses_warehouse), (SELECT count(*) FROM assignments_warehouseuserassignment)
"""


@dataclass(eq=False)
class Folder:
    path: Path
    #: How much `prepare` loads.
    wanted: Size

    @property
    def environment(self) -> dict[str, str]:
        """For `manage.py`: this folder, whatever the surrounding shell is set to."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        return inherited | {"VAR_DIR": str(self.path), "ISSUER": ISSUER, "WORKERS": "1"}

    @property
    def neighbours_environment(self) -> dict[str, str]:
        """For other sites on the same database, with the product's secrets. While PostgreSQL runs."""
        return self.environment | {
            "DATABASE_URL": self.url,
            "SECRET_KEY": (self.path / "secret_key").read_text(),
            "SIGNING_KEY": self.signing_key,
        }

    @cached_property
    def signing_key(self) -> str:
        """The key that the product signs with, as PEM. While PostgreSQL runs, and the product has made it."""
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", _PRINT_SIGNING_KEY]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    @property
    def url(self) -> str:
        """Where PostgreSQL listens, while it runs: the fifth line of its own file says so."""
        socket_folder = (self.path / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return f"postgres://postgres@/postgres?host={socket_folder}"

    @cache  # noqa: B019 (there are two folders)
    def prepare(self) -> None:
        """Loads the demo data, unless somebody did; brings an older folder up to date."""
        is_new = not (self.path / "postgres").exists()
        if is_new:
            print(f"Loading {self.wanted} into {self.path} ...", flush=True)
        self.manage("migrate", "-v", "0")
        self.manage("demo", *(f"--{name}={count}" for name, count in vars(self.wanted).items() if is_new))

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True)

    @cached_property
    def size(self) -> Size:
        """How much is there. While PostgreSQL runs."""
        return Size(*self.ask(_COUNTS)[0])

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """For looking and tidying up, while PostgreSQL runs."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    def ask(self, sql: str, *values: Any) -> list[Any]:
        """The rows that a statement returns."""
        with self.connection() as connection:
            return connection.execute(sql, values).fetchall()

    def tidy(self) -> None:
        """Before a turn, so that no site pays for the rows that the one before left dead."""
        with self.connection() as connection:
            connection.execute("VACUUM assignments_warehouseuserassignment, users_session")
