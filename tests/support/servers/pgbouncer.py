"""pgbouncer from `deploy/pgbouncer/pgbouncer.ini` in front of a PostgreSQL of the tests, on another port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.installation import BASE_DIR
from tests.support.servers.live import free_port
from tests.support.waiting import until

MISSING = (
    "The tests of what works through a pooler need pgbouncer: `apt-get install pgbouncer` (Debian, Ubuntu), "
    "`brew install pgbouncer` (macOS), or name the program in the environment variable PGBOUNCER."
)


def program() -> str:
    """pgbouncer. Fails with what to do where there is none."""
    found = shutil.which(os.environ.get("PGBOUNCER", "pgbouncer"), path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, MISSING
    return found


class Pooler:
    """A running pgbouncer and its `url`."""

    def __init__(self, folder: Path, database_url: str, replaced: Mapping[str, str]) -> None:
        target, port = conninfo_to_dict(database_url), free_port()
        (folder / "users").write_text(f'"{target["user"]}" ""\n')
        self._file, self._user = folder / "pgbouncer.ini", _user(str(target["host"]))
        self._file.write_text(_configuration(folder, port, target, replaced))
        self.url = f"postgres://{target['user']}@127.0.0.1:{port}/{target['dbname']}"
        self.start()

    def start(self) -> None:
        """Until it answers. It is ended if it does not."""
        self._process = subprocess.Popen([program(), "-q", self._file], user=self._user, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _answers(self.url))
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(database_url: str, replaced: Mapping[str, str] = MappingProxyType({})) -> Iterator[Pooler]:
    """A pgbouncer in front of this database, once it answers. It asks its clients for no password."""
    with tempfile.TemporaryDirectory(prefix="warehouse-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        started = Pooler(Path(folder), database_url, replaced)
        try:
            yield started
        finally:
            started.kill()


def _user(host: str) -> str | int | None:
    """pgbouncer refuses to run as root. The owner of PostgreSQL's socket, if it has one, may use it."""
    if os.getuid():
        return None
    return Path(host).stat().st_uid if host.startswith("/") else "nobody"


def _configuration(folder: Path, port: int, target: Mapping[str, Any], replaced: Mapping[str, str]) -> str:
    text = (BASE_DIR / "deploy" / "pgbouncer" / "pgbouncer.ini").read_text()
    name = target["dbname"]
    login = f"user={target['user']} password={target['password']}" if "password" in target else ""
    address = f"host={target['host']} port={target.get('port', 5432)} {login}"
    changes = {
        "warehouse = host=127.0.0.1 port=5432 dbname=warehouse": f"{name} = {address}",
        "listen_port = 6432": f"listen_port = {port}\nunix_socket_dir =",
        "auth_type = scram-sha-256": "auth_type = trust",
        "/etc/pgbouncer/userlist.txt": f"{folder}/users",
    } | dict(replaced)
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in deploy/pgbouncer/pgbouncer.ini"
        text = text.replace(old, new)
    return text


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False
