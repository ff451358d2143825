"""`manage.py serve` refuses to start in one line that says what to do: taken ports, bad settings, no database."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from config.server import granian
from tests.support.servers import live
from tests.support.servers.databases import refused
from tests.support.waiting import MOST_SECONDS, until

pytestmark = pytest.mark.live

Refusal = Callable[[dict[str, str]], str]
TAKEN = (
    "CommandError: Cannot listen on {host}:{port} (Address already in use): "
    "stop the program that uses the port, or choose another one: PORT=8001 make run"
)


@pytest.fixture
def production(transactional_db: None) -> dict[str, str]:
    return live.production_environment()


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """The one line with which `serve` refuses to start, in this process."""
    monkeypatch.setattr(granian, "serve", lambda *_: pytest.fail("it serves"))
    return lambda environment: f"CommandError: {refused(environment, 'serve')}"


@pytest.fixture
def setting_refusal(tmp_path: Path) -> Refusal:
    """The same in a process of its own, which reads the settings."""

    def refusal(environment: dict[str, str]) -> str:
        log = tmp_path / "refused.log"
        with live.start(environment | {"PORT": environment.get("PORT", str(live.free_port()))}, log) as server:
            assert server.communicate(timeout=MOST_SECONDS) == ("", None)
        assert server.returncode == 1
        (line,) = live.operator_lines(log)
        return line

    return refusal


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_refuses_a_taken_port(production: dict[str, str], refusal: Refusal, taken_port: int) -> None:
    assert refusal(production | {"PORT": str(taken_port)}) == TAKEN.format(host="127.0.0.1", port=taken_port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_refuses_the_port_of_another_server(
    live_url: str, production: dict[str, str], refusal: Refusal, host: str
) -> None:
    port = live_url.rpartition(":")[2]
    shown = f"[{host}]" if ":" in host else host
    assert refusal(production | {"HOST": host, "PORT": port}) == TAKEN.format(host=shown, port=port)
    assert httpx.get(f"{live_url}/health/live", timeout=MOST_SECONDS).status_code == 200


@pytest.mark.thorough
def test_of_two_that_start_at_once_on_one_port_the_second_is_refused(
    production: dict[str, str], tmp_path: Path
) -> None:
    """Both have found the port free, and wait for their turn to prepare the database."""
    port, logs = live.free_port(), [tmp_path / "first.log", tmp_path / "second.log"]
    with psycopg.connect(live.database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('manage.py serve'))")
        servers = [live.start(production | {"PORT": str(port), "WORKERS": "1"}, log) for log in logs]
        try:
            _until_they_wait(other, len(servers))
            other.execute("SELECT pg_advisory_unlock_all()")
            refused = _first_that_ends(servers)
            served = 1 - refused
            live.wait_until_ready(servers[served], f"http://127.0.0.1:{port}", logs[served])
            assert (servers[refused].communicate(), servers[refused].returncode) == (("", None), 1)
            *waits, line = live.operator_lines(logs[refused])
            assert line == TAKEN.format(host="127.0.0.1", port=port)
            assert all(wait.startswith("Waiting for another process that prepares") for wait in waits)
            assert httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=MOST_SECONDS).status_code == 200
        finally:
            for server in servers:
                server.terminate()
                server.communicate(timeout=MOST_SECONDS)


def _until_they_wait(other: psycopg.Connection[Any], number: int) -> None:
    """For their turn (`config.database.preparation`)."""
    asking = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid() "
        "AND datname = current_database()"
    )
    until(lambda: other.execute(asking).fetchone() == (number,))


def _first_that_ends(servers: list[subprocess.Popen[str]]) -> int:
    until(lambda: any(server.poll() is not None for server in servers))
    return next(number for number, server in enumerate(servers) if server.poll() is not None)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PORT", "abc", "PORT must be a whole number, not 'abc'."),
        ("PORT", "0", "PORT must be between 1 and 65535, not 0."),
        ("PORT", "65536", "PORT must be between 1 and 65535, not 65536."),
        ("WORKERS", "0", "WORKERS must be between 1 and 1000, not 0."),
        ("WORKERS", "two", "WORKERS must be a whole number, not 'two'."),
    ],
)
def test_refuses_impossible_numbers(
    production: dict[str, str], setting_refusal: Refusal, name: str, value: str, line: str
) -> None:
    assert setting_refusal(production | {name: value}) == line


NO_ANSWER = (
    "CommandError: The database does not answer ({}): check that PostgreSQL is running "
    "and that DATABASE_URL is right, or unset DATABASE_URL to use the embedded one."
)


def test_refuses_a_database_that_is_not_there(production: dict[str, str], refusal: Refusal) -> None:
    port = live.free_port()

    assert refusal(production | {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{port}/x"}) == NO_ANSWER.format(
        f'connection failed: connection to server at "127.0.0.1", port {port} failed: Connection refused'
    )


def test_does_not_wait_for_ever_for_a_database_that_says_nothing(
    production: dict[str, str], refusal: Refusal, taken_port: int
) -> None:
    environment = {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{taken_port}/x?connect_timeout=2"}

    assert refusal(production | environment) == NO_ANSWER.format("connection timeout expired")


def test_refuses_a_login_that_the_database_refuses(production: dict[str, str], refusal: Refusal) -> None:
    url = production["DATABASE_URL"].replace("//postgres:@", "//nobody:secret@", 1)

    line = refusal(production | {"DATABASE_URL": url})

    assert 'FATAL:  role "nobody" does not exist' in line
    assert "secret" not in line


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "ISSUER"])
def test_refuses_to_start_without_a_required_setting_and_names_it(
    production: dict[str, str], setting_refusal: Refusal, name: str
) -> None:
    environment = {key: value for key, value in production.items() if key != name}

    assert setting_refusal(environment) == f"Set {name} in the environment: it is required when DATABASE_URL is set."
