"""WSGI middleware between the server and Django (`config.server.wsgi_middleware`), with a real granian."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from config.installation import BASE_DIR
from tests.support.servers.live import free_port, wait_until_it_listens
from tests.support.waiting import MOST_SECONDS

pytestmark = pytest.mark.live

_GRANIAN = """
import sys
from granian import Granian
from granian.constants import Interfaces
ECHO = "tests.support.servers.echo:application"
Granian(ECHO, port=int(sys.argv[1]), interface=Interfaces.WSGI, blocking_threads=1).serve()
"""
SECRETS = {name: f"hidden {name}" for name in ("SECRET_KEY", "OTHER", "HTTP_X_SECRET", "CONTENT_TYPE")}
#: Variables that must not stand in the way of what the server says.
MISLEADING = {"PATH_INFO": "/elsewhere", "REMOTE_ADDR": "203.0.113.9", "REQUEST_METHOD": "DELETE", "SERVER_NAME": "x"}


@pytest.fixture
def url() -> Iterator[str]:
    """A server that tells what it finds in a request's environ."""
    port = free_port()
    own = SECRETS | MISLEADING | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", _GRANIAN, str(port)]
    server = subprocess.Popen(command, cwd=BASE_DIR, env=os.environ | own, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_listens(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=MOST_SECONDS)


def test_nothing_of_the_process_environment_is_in_a_request(url: str) -> None:
    """granian copies all of it in, `SECRET_KEY` included; Django's `request.META` is what is left."""
    told = httpx.get(f"{url}/users?x=1", headers={"X-Request-Id": "r1"}, timeout=MOST_SECONDS).json()
    assert not [name for name, value in told.items() if "hidden" in value]
    assert not {*os.environ} & {*told}
    assert {name: told[name] for name in ("PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "REMOTE_ADDR")} == {
        "PATH_INFO": "/users",
        "QUERY_STRING": "x=1",
        "REQUEST_METHOD": "GET",
        "REMOTE_ADDR": "127.0.0.1",
    }
    assert told["HTTP_X_REQUEST_ID"] == "r1"
