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


@contextmanager
def pooler(database_url: str, replaced: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """The URL of a pgbouncer in front of this database, once it answers."""
    with tempfile.TemporaryDirectory(prefix="warehouse-pgbouncer-") as made:
        folder, port = Path(made), free_port()
        folder.chmod(0o755)
        target = conninfo_to_dict(database_url)
        (folder / "users").write_text(f'"{target["user"]}" ""\n')
        file = folder / "pgbouncer.ini"
        file.write_text(_configuration(folder, port, target, replaced))
        process = subprocess.Popen([program(), "-q", file], user=_user(str(target["host"])), stderr=subprocess.DEVNULL)
        url = f"postgres://{target['user']}@127.0.0.1:{port}/{target['dbname']}"
        try:
            until(lambda: _answers(url))
            yield url
        finally:
            process.kill()
            process.wait()


def _user(host: str) -> str | int | None:
    """pgbouncer refuses to run as root. The owner of PostgreSQL's socket, if it has one, may use it."""
    if os.getuid():
        return None
    return Path(host).stat().st_uid if host.startswith("/") else "nobody"


def _configuration(folder: Path, port: int, target: Mapping[str, Any], replaced: Mapping[str, str]) -> str:
    text = (BASE_DIR / "deploy" / "pgbouncer" / "pgbouncer.ini").read_text()
    name, host, its_port = target["dbname"], target["host"], target.get("port", 5432)
    changes = {
        "warehouse = host=127.0.0.1 port=5432 dbname=warehouse": f"{name} = host={host} port={its_port}",
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
