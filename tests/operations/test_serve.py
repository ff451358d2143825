"""`manage.py serve`, as a process: how it starts, whom it serves, how it refuses to start, how it ends."""

from __future__ import annotations

import os
import pty
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from django.conf import settings

from config.server.granian import MAX_STOP_SECONDS
from tests.support.api.client import PASSWORD
from tests.support.servers import live
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live]

#: What a busy machine may take besides. The request that holds the worker up would take ten minutes.
OWN_SECONDS = 30
#: So long a worker that was told to end, and has something to do, is seen to go on.
LEFT_SECONDS = 2
#: Whatever else an installation has set, the embedded trial knows nothing of it.
OF_AN_INSTALLATION = {"DATABASE_URL", "EMBEDDED_DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS", "ISSUER"}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where PostgreSQL's own user may go. Every run of pytest shuts the folder of `tmp_path` to other users."""
    with tempfile.TemporaryDirectory(prefix="warehouse-trial-") as folder:
        yield Path(folder)


def trial(var: Path) -> dict[str, str]:
    """The environment of someone who has set nothing at all, with a `var` of their own."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_AN_INSTALLATION | {"HTTPS"}}
    return environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(var), "WORKERS": "1"}


@pytest.fixture
def production(transactional_db: None) -> dict[str, str]:
    return live.production_environment()


def sign_in(url: str, username: str) -> httpx.Response:
    form = {"grant_type": "password", "username": username, "password": PASSWORD}
    return httpx.post(f"{url}/token", data=form, timeout=MOST_SECONDS)


def postgres_of(var: str) -> list[psutil.Process]:
    """The embedded server's processes, by the data folder they were started with."""
    data = f"{Path(var).resolve()}/postgres"
    return [process for process in psutil.process_iter(["cmdline"]) if data in (process.info["cmdline"] or [])]


def left_of(var: str) -> list[psutil.Process]:
    """Those of them that do not end. `pg_ctl stop` returns a moment before the end of the last."""
    return psutil.wait_procs(postgres_of(var), timeout=MOST_SECONDS)[1]


# --- Serving ----------------------------------------------------------------------------------------------------
def test_signs_people_in_over_real_http(live_url: str, transactional_db: None, pat: User) -> None:
    answer = sign_in(live_url, pat.email)

    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


class Tried(NamedTuple):
    """What somebody saw who started the site, signed in with what it printed and stopped it."""

    environment: dict[str, str]
    url: str
    banner: str
    logins: list[tuple[str, str]]
    answers: list[int]


@pytest.fixture(scope="module")
def tried(place: Path) -> Tried:
    """Its path is longer than that of a socket may be."""
    environment, log, port = trial(place / f"{'long/' * 30}var"), place / "serve.log", live.free_port()
    url = f"http://127.0.0.1:{port}"
    server = live.start(environment | {"PORT": str(port)}, log)
    try:
        banner = live.wait_until_ready(server, url, log)
        logins = re.findall(r"login +(\S+@example\.test) +password (\S+)", banner)
        answers = [sign_in(url, username).status_code for username, _ in logins]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=MOST_SECONDS)
    assert (server.returncode, left_of(environment["VAR_DIR"])) == (0, [])
    return Tried(environment, url, banner, logins, answers)


def test_a_trial_needs_no_setting_at_all(tried: Tried) -> None:
    assert all(f"{tried.url}/{page}" in tried.banner for page in ("admin/", "docs", "token"))
    assert (settings.BASE_DIR / re.findall(r"Connect the app +(\S+)", tried.banner)[0]).exists()
    assert tried.logins == [("olive.office@example.test", PASSWORD), ("pat.picker@example.test", PASSWORD)]
    assert tried.answers == [200, 200]


def test_servers_that_share_a_database_start_and_end_without_hurting_each_other(place: Path, tmp_path: Path) -> None:
    environment = trial(place / "a path with spaces, 'quotes' and ümlauts/var")
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    ports = [live.free_port(), live.free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    first, second = (
        live.start(environment | {"PORT": str(port)}, log) for port, log in zip(ports, logs, strict=True)
    )  # at once, on nothing: one of them makes everything
    try:
        for server, url, log in zip((first, second), urls, logs, strict=True):
            live.wait_until_ready(server, url, log)
        first.terminate()
        assert first.wait(timeout=MOST_SECONDS) == 0

        assert sign_in(urls[1], "pat.picker@example.test").status_code == 200
    finally:
        for server in (first, second):
            server.terminate()
            server.communicate(timeout=MOST_SECONDS)
    assert (second.returncode, left_of(environment["VAR_DIR"])) == (0, [])


# --- Workers that come and go -------------------------------------------------------------------------------------
@contextmanager
def one_worker(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The main process of a server with one worker and a `var` of its own, and its address."""
    own = {"WORKERS": "1", "LOCK_TIMEOUT_SECONDS": "600", "STATEMENT_TIMEOUT_SECONDS": "600", "VAR_DIR": str(folder)}
    with live.running(live.production_environment() | own, folder.parent / "serve.log") as server:
        yield server


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lone") / "var"


@pytest.fixture(scope="module")
def lone(django_db_setup: None, var: Path) -> Iterator[tuple[psutil.Process, str]]:
    """One for all tests that leave it with one worker."""
    with one_worker(var) as server:
        yield server


def test_a_database_of_your_own_gets_no_demo_data_and_starts_no_other(
    lone: tuple[psutil.Process, str], var: Path, transactional_db: None
) -> None:
    assert postgres_of(str(var)) == []
    assert User.objects.count() == 0
    assert sorted(path.name for path in var.iterdir()) == ["static", "static.sha256"]


def worker_of(main: psutil.Process) -> psutil.Process:
    return live.workers_of(main)[0]


def live_status(url: str) -> int:
    return httpx.get(f"{url}/health/live", timeout=MOST_SECONDS).status_code


def test_a_worker_that_is_killed_is_replaced(lone: tuple[psutil.Process, str]) -> None:
    """Those whom it served are lost on the bare port; nginx asks another server (`make endurance PARTS=faults`)."""
    main, url = lone
    worker = worker_of(main)
    worker.kill()
    assert psutil.wait_procs([worker], timeout=MOST_SECONDS)[1] == []  # until then, it might be asked once more
    live.wait_until_it_listens(url)
    assert live_status(url) == 200
    assert worker_of(main).pid != worker.pid


def test_a_reload_replaces_the_worker_by_one_that_loads_the_code_anew(lone: tuple[psutil.Process, str]) -> None:
    """That it fails nobody behind nginx is shown by `make endurance PARTS=restarts`."""
    main, url = lone
    worker = worker_of(main)
    main.send_signal(signal.SIGHUP)
    assert psutil.wait_procs([worker], timeout=MOST_SECONDS)[1] == []
    live.wait_until_it_listens(url)
    assert live_status(url) == 200
    assert "spawn_main" in " ".join(worker_of(main).cmdline())  # no copy of the main process, with its old code


@contextmanager
def waiting(url: str, person: User) -> Iterator[Future[httpx.Response]]:
    """A request that is at work, and waits until the end of this for a lock that somebody else holds."""
    with ThreadPoolExecutor() as threads, psycopg.connect(live.database_url()) as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [person.pk])
        answer = threads.submit(sign_in, url, person.email)
        assert wait_until_blocked(other, 1, answer) == 1
        yield answer
        other.rollback()


@pytest.mark.django_db(transaction=True)
def test_a_reload_lets_a_request_end_that_takes_long(lone: tuple[psutil.Process, str], pat: User) -> None:
    main, url = lone
    worker = worker_of(main)
    with waiting(url, pat) as answer:
        main.send_signal(signal.SIGHUP)
        live.wait_until_told_to_end(worker)
        live.wait_until_it_listens(url)
        assert live_status(url) == 200  # says its successor
        assert psutil.wait_procs([worker], timeout=LEFT_SECONDS)[0] == []
        assert not answer.done()
    assert answer.result().status_code == 200
    assert psutil.wait_procs([worker], timeout=MOST_SECONDS)[1] == []


@pytest.mark.django_db(transaction=True)
def test_it_ends_in_time_also_while_a_worker_that_is_replaced_still_works(tmp_path: Path, pat: User) -> None:
    """Containers are killed ten seconds after they were told to end."""
    with one_worker(tmp_path / "var") as (main, url), waiting(url, pat) as answer:
        worker = worker_of(main)
        main.send_signal(signal.SIGHUP)
        workers = [worker, live.wait_for_successor(main, worker)]
        live.wait_until_told_to_end(worker)
        main.terminate()
        began = time.monotonic()
        while main.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - began < MAX_STOP_SECONDS + OWN_SECONDS
            time.sleep(0.05)
        assert isinstance(answer.exception(), httpx.RemoteProtocolError)
    assert psutil.wait_procs(workers, timeout=MOST_SECONDS)[1] == []


# --- Ending -----------------------------------------------------------------------------------------------------
def test_a_killed_server_frees_its_port_and_the_next_one_stops_the_database(tried: Tried, tmp_path: Path) -> None:
    trial, port = tried.environment, live.free_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path / "serve.log"
    killed = live.start(trial | {"PORT": str(port)}, log)
    live.wait_until_ready(killed, url, log)
    workers = psutil.Process(killed.pid).children()
    killed.kill()
    killed.communicate()
    assert psutil.wait_procs(workers, timeout=MOST_SECONDS)[1] == []

    following = live.start(trial | {"PORT": str(port)}, log)
    live.wait_until_ready(following, url, log)
    following.terminate()
    following.communicate(timeout=MOST_SECONDS)

    assert (following.returncode, left_of(trial["VAR_DIR"])) == (0, [])


def test_ctrl_c_reaches_every_process_and_none_is_left(production: dict[str, str], tmp_path: Path) -> None:
    port = live.free_port()
    log = tmp_path / "serve.log"
    server = live.start(production | {"PORT": str(port), "WORKERS": "2"}, log)
    live.wait_until_ready(server, f"http://127.0.0.1:{port}", log)
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]

    for process in processes:  # as a terminal does it
        with suppress(psutil.NoSuchProcess):  # the first may have ended the others already
            process.send_signal(signal.SIGINT)
    told, _ = server.communicate(timeout=MOST_SECONDS)

    assert "Killing" not in told  # granian's word where a worker does not end by itself
    _, left = psutil.wait_procs(processes, timeout=MOST_SECONDS)
    assert (server.returncode, left, live.operator_lines(log)) == (0, [], [])


def test_it_ends_when_its_terminal_is_closed(production: dict[str, str], tmp_path: Path) -> None:
    """SIGHUP says either; left running, it would keep the port."""
    port = live.free_port()
    log = tmp_path / "serve.log"
    screen, terminal = pty.openpty()
    server = live.start(production | {"PORT": str(port), "WORKERS": "1"}, log, terminal=terminal)
    os.close(terminal)
    try:
        live.wait_until_ready(server, f"http://127.0.0.1:{port}", log)
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
        os.close(screen)
        server.communicate(timeout=MOST_SECONDS)
    finally:
        server.kill()

    _, left = psutil.wait_procs(processes, timeout=MOST_SECONDS)
    assert (server.returncode, left, live.operator_lines(log)) == (0, [], [])
