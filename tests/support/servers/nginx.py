"""nginx from `deploy/nginx.conf` in front of servers of the tests, with other ports, paths and no TLS."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.installation import BASE_DIR
from tests.support.servers.live import free_port, wait_until_it_listens
from tests.support.waiting import MOST_SECONDS

CONFIGURATION = BASE_DIR / "deploy" / "nginx.conf"
MISSING = (
    "The tests of what nginx promises need it: `apt-get install nginx` (Debian, Ubuntu), `brew install nginx` (macOS), "
    "or name the program in the environment variable NGINX."
)
DAY = timedelta(days=1)
#: As deploy/nginx.conf says: for a reader who takes nothing, and what the kernel holds for one.
READER_SECONDS, SEND_BYTES = 30, 131_072
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> str:
    """nginx. Fails with what to do where there is none."""
    found = shutil.which(os.environ.get("NGINX", "nginx"), path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found, MISSING
    return found


def configuration(folder: Path, replaced: Mapping[str, str]) -> str:
    """The text of `deploy/nginx.conf` with its folders below this one, and with other words in the place of some."""
    text = CONFIGURATION.read_text()
    temporary = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _TEMPORARY)
    changes = {
        "user www-data;": f"user {getpass.getuser()};" if os.getuid() == 0 else "",
        "/run/nginx.pid": f"{folder}/pid",
        "/var/log/nginx/error.log": f"{folder}/error.log",
        "/var/cache/nginx/warehouse": f"{folder}/cache",
        "http {\n": f"http {{\n{temporary}",
    } | dict(replaced)
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in deploy/nginx.conf"
        text = text.replace(old, new)
    return text


def plain(folder: Path, port: int, servers: Sequence[str], replaced: Mapping[str, str]) -> str:
    """The same without TLS on one port of 127.0.0.1, in front of these servers (`host:port`)."""
    lines = "".join(f"        server {server} max_fails=0 max_conns=64;\n" for server in servers)
    text = configuration(folder, replaced)
    begin, end = text.index("        server 127.0.0.1:8000 "), text.index("    }\n", text.index("127.0.0.1:8001"))
    text = text[:begin] + lines + text[end:]
    without_redirect = text.index("    server {\n        listen 80;"), text.index("    server {\n        # sndbuf")
    text = text[: without_redirect[0]] + text[without_redirect[1] :]
    kept = [line for line in text.splitlines() if not line.strip().startswith(("ssl_", "listen [::]"))]
    return "\n".join(kept).replace("listen 443 ssl", f"listen 127.0.0.1:{port}") + "\n"


def folder(factory: pytest.TempPathFactory) -> Path:
    """A folder for `proxy`. nginx runs as another user where it was started by root."""
    made = factory.mktemp("nginx")
    for one in (made, *made.parents[:2]):
        one.chmod(0o755)
    return made


class Proxy:
    """A running nginx."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.port, self.process = folder, port, process
        self.url = f"http://127.0.0.1:{port}"

    def memory_mb(self) -> float:
        """Of all its processes."""
        main = psutil.Process(self.process.pid)
        return float(sum(one.memory_info().rss for one in (main, *main.children())) / 2**20)


@contextmanager
def proxy(
    folder: Path, *servers: str, replaced: Mapping[str, str] = MappingProxyType({}), status: int = 200
) -> Iterator[Proxy]:
    """nginx in front of these servers (`host:port`), once it answers with this status."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(plain(folder, port, servers, replaced))
    started = Proxy(folder, port, subprocess.Popen([program(), "-c", file, "-g", "daemon off;"]))
    try:
        wait_until_it_listens(started.url)
        answer = httpx.get(f"{started.url}/health/live", timeout=MOST_SECONDS)
        assert answer.status_code == status, (folder / "error.log").read_text()
        yield started
    finally:
        started.process.terminate()
        started.process.wait(timeout=MOST_SECONDS)


@contextmanager
def temporary_proxy(*servers: str, replaced: Mapping[str, str] = MappingProxyType({})) -> Iterator[Proxy]:
    """The same with a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="warehouse-nginx-") as folder:
        Path(folder).chmod(0o755)  # nginx may run as another user
        with proxy(Path(folder), *servers, replaced=replaced) as started:
            yield started


def check(file: Path) -> str:
    """What nginx complains of in a configuration; empty if it is sound."""
    done = subprocess.run([program(), "-t", "-q", "-c", file], capture_output=True, text=True, check=False)
    return done.stderr


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate that it signed itself, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "warehouse.example.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + DAY)
    files = folder / "key.pem", folder / "certificate.pem"
    pem, plain_key = serialization.Encoding.PEM, serialization.NoEncryption()
    files[0].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain_key))
    files[1].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    return files
