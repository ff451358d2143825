"""Three PostgreSQL servers under Patroni, with etcd, each in processes of its own on 127.0.0.1.

Each node reaches etcd through an HAProxy of its own, so that one can be cut off. A second HAProxy leads to the primary
by Patroni's own check, as in `deploy/patroni`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import yaml

from config.database import embedded
from config.installation import BASE_DIR, var_dir
from tests.support.freezing import frozen
from tests.support.servers.live import free_port
from tests.support.waiting import until

#: Seconds after which the others elect a primary in the place of one that says nothing (Patroni's `ttl`).
TTL_SECONDS = 20
NODES = 3
_REQUIREMENTS = BASE_DIR / "requirements-drill.txt"
_PASSWORDS = {"postgres": "drill-superuser", "replicator": "drill-replicator", "rewinder": "drill-rewinder"}
_DEPLOYED = BASE_DIR / "deploy" / "patroni"
_ETCD_RELAY = """
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen etcd
  bind 127.0.0.1:{port}
  server etcd 127.0.0.1:{etcd}
"""


def program(name: str) -> str:
    """A program of Debian's packages. Fails with what to do where there is none."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found, "The drill needs `apt-get install nginx etcd-server haproxy pgbouncer` (Debian, Ubuntu)."
    return found


class Node:
    """One PostgreSQL with its Patroni."""

    def __init__(self, number: int, home: Path, etcd: int) -> None:
        self.name = f"node{number}"
        self.folder = home / self.name
        self.folder.mkdir()
        self.port, self.rest, self._relay_port, self._etcd = free_port(), free_port(), free_port(), etcd
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest}"

    def start(self) -> None:
        """Its way to etcd, and Patroni, which starts PostgreSQL."""
        self.connect_to_etcd()
        file = self.folder / "patroni.json"
        file.write_text(json.dumps(self._configuration()))
        _give_away(self.folder)
        command = [_python(), "-m", "patroni", str(file)]
        self._processes["patroni"] = _run(command, self.folder / "patroni.log", user=_programs().system_user)

    def connect_to_etcd(self) -> None:
        text = _ETCD_RELAY.format(port=self._relay_port, etcd=self._etcd)
        self._processes["relay"] = haproxy(self.folder / "relay.cfg", text)

    def cut_off_from_etcd(self) -> None:
        self._processes.pop("relay").kill()

    def kill(self) -> None:
        """All of it at once, as when its machine loses its power."""
        for process in [self._processes["patroni"], *self._postgres()]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._processes.pop("patroni").wait()
        self._processes.pop("relay").kill()

    def kill_postgresql(self) -> None:
        """PostgreSQL alone. Patroni stays and sees it."""
        for process in self._postgres():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def frozen(self) -> AbstractContextManager[None]:
        """Patroni and PostgreSQL take what is said to them and do nothing, as when the machine is paused."""
        return frozen([psutil.Process(self._processes["patroni"].pid), *self._postgres()])

    def stop(self) -> None:
        """However it stands."""
        for process in [*self._processes.values(), *self._postgres()]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
        for child in self._processes.values():
            child.wait()

    def _postgres(self) -> list[Any]:
        """The postmaster first, so that it starts no others."""
        with suppress(OSError, IndexError, ValueError, psutil.NoSuchProcess):
            main = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
            return [main, *main.children(recursive=True)]
        return []

    def _configuration(self) -> dict[str, Any]:
        """`deploy/patroni/patroni.yml` with other addresses and folders, less memory, no archive and no watchdog."""
        text = yaml.safe_load((_DEPLOYED / "patroni.yml").read_text())
        own, rest = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.rest}"
        dcs, postgresql = text["bootstrap"]["dcs"], text["postgresql"]
        assert dcs["ttl"] == TTL_SECONDS
        dcs["postgresql"]["parameters"] |= {"archive_mode": "off", "shared_buffers": "64MB", "max_connections": 100}
        for unused in ("create_replica_methods", "pgbackrest", "recovery_conf"):
            del postgresql[unused]
        for role in postgresql["authentication"].values():
            role["password"] = _PASSWORDS[role["username"]]
        postgresql |= {
            "listen": own,
            "connect_address": own,
            "data_dir": str(self.folder / "data"),
            "bin_dir": str(_programs().bin_path),
            "pgpass": str(self.folder / "pgpass"),
            "parameters": {"unix_socket_directories": str(self.folder), "fsync": "off"},
            "pg_hba": [re.sub(r"10\.0\.0\.0/\d+", "127.0.0.1/32", line) for line in postgresql["pg_hba"]],
        }
        postgresql["pg_hba"] += ["host all postgres,site 127.0.0.1/32 scram-sha-256"]
        return text | {
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"proxy": f"http://127.0.0.1:{self._relay_port}"},
            "watchdog": {"mode": "off"},
        }


class Servers:
    """All nodes, and the way to whichever is the primary."""

    def __init__(self, home: Path) -> None:
        self._home, self._etcd_port, self.proxy_port = home, free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.nodes = [Node(number, home, self._etcd_port) for number in range(1, NODES + 1)]

    def start(self) -> None:
        """Until there are a primary and a synchronous standby, and the site's role and database."""
        self._processes.append(self._start_etcd())
        self._processes.append(haproxy(self._home / "primary.cfg", self._way_to_primary()))
        for node in self.nodes:
            node.start()
        self.wait_until_whole()
        with psycopg.connect(self._address("postgres", _PASSWORDS["postgres"], "postgres"), autocommit=True) as one:
            one.execute("CREATE ROLE site LOGIN PASSWORD 'drill-site'")
            one.execute("CREATE DATABASE site OWNER site")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        for process in self._processes:
            process.kill()
            process.wait()

    @property
    def url(self) -> str:
        """As the site connects."""
        return self._address("site", "drill-site", "site")

    @property
    def pooled_url(self) -> str:
        """As pgbouncer connects: to the primary that HAProxy has found."""
        return f"postgres://site:drill-site@127.0.0.1:{self.proxy_port}/site"

    @property
    def superuser_url(self) -> str:
        return self._address("postgres", _PASSWORDS["postgres"], "site")

    def _address(self, user: str, password: str, database: str) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgres://{user}:{password}@{hosts}/{database}?target_session_attrs=read-write&connect_timeout=2"

    def _way_to_primary(self) -> str:
        """`deploy/patroni/haproxy.cfg` with other addresses, without its second part."""
        text = (_DEPLOYED / "haproxy.cfg").read_text().partition("# For DATABASE_REPLICA_URL")[0]
        text = re.sub(r"^    (user|group) .*\n", "", text, flags=re.M).replace(
            "127.0.0.1:5432", f"127.0.0.1:{self.proxy_port}"
        )
        for number, node in enumerate(self.nodes, 1):
            address = f"10.0.0.1{number}:5432 check port 8008"
            assert text.count(address) == 1
            text = text.replace(address, f"127.0.0.1:{node.port} check port {node.rest}")
        return text

    def _start_etcd(self) -> subprocess.Popen[bytes]:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{free_port()}"
        addresses = ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
        peers = ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
        folder = ["--data-dir", str(self._home / "etcd"), "--unsafe-no-fsync"]
        process = _run([program("etcd"), *addresses, *peers, *folder], self._home / "etcd.log")
        until(lambda: _answers(f"{client}/health"))
        return process

    # --- Roles ---------------------------------------------------------------------------------------------------
    def those(self, role: str) -> list[Node]:
        """The nodes whose own Patroni says that they are `primary`, `synchronous` or `asynchronous`, or in `health`."""
        return [node for node in self.nodes if _answers(f"{node.url}/{role}")]

    def the(self, role: str) -> Node:
        """Waits for a node in this role."""
        found = until(lambda: self.those(role))
        assert found
        return found[0]

    def wait_until_whole(self) -> None:
        """A primary, a synchronous standby, and all nodes at work."""
        until(lambda: self.those("primary") and self.those("synchronous") and len(self.those("health")) == NODES)

    def switch_over(self) -> None:
        """On command: the synchronous standby takes over."""
        leader, candidate = self.the("primary"), self.the("synchronous")
        body = {"leader": leader.name, "candidate": candidate.name}
        answer = httpx.post(f"{leader.url}/switchover", json=body, timeout=60)
        assert answer.status_code == 200, answer.text


@contextmanager
def servers() -> Iterator[Servers]:
    """Running; whatever happens, no process of them stays behind."""
    with tempfile.TemporaryDirectory(prefix="warehouse-drill-") as made, ExitStack() as stack:
        home = Path(made)
        home.chmod(0o755)
        started = Servers(home)
        stack.callback(started.stop)
        started.start()
        yield started


# --- Processes ---------------------------------------------------------------------------------------------------
def haproxy(file: Path, text: str) -> subprocess.Popen[bytes]:
    file.write_text(text)
    return _run([program("haproxy"), "-db", "-f", str(file)], file.with_suffix(".log"))


def _run(command: list[str], log: Path, user: str | None = None) -> subprocess.Popen[bytes]:
    with log.open("ab") as lines:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(command, user=user, env=environment, stdout=lines, stderr=lines, cwd="/")


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=1).status_code == 200
    return False


@cache
def _programs() -> Any:
    """PostgreSQL's, and the user that runs them: it refuses to run as root."""
    return embedded._library()[0].PostgresServer(Path(tempfile.mkdtemp(prefix="warehouse-drill-unused-")))


def _give_away(folder: Path) -> None:
    if user := _programs().system_user:
        for one in (folder, *folder.rglob("*")):
            shutil.chown(one, user)
    folder.chmod(0o700)


def _python() -> str:
    """Python with Patroni, made once. As root, the system's: the user of PostgreSQL must be able to read it."""
    folder = var_dir() / "drill"
    python = folder / "bin" / "python"
    marker = folder / "installed"
    if not marker.exists() or marker.read_text() != _REQUIREMENTS.read_text():
        maker = "/usr/bin/python3" if os.getuid() == 0 else shutil.which("python3") or "python3"
        subprocess.run([maker, "-m", "venv", "--clear", folder], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", "--require-hashes"]
        subprocess.run([*pip, "-r", str(_REQUIREMENTS)], check=True)
        marker.write_text(_REQUIREMENTS.read_text())
    return str(python)
