"""Metrics (`METRICS_PORT`): of all workers together, on a port of their own, also when workers come and go."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client.core import Metric

from config.history.tracking import tracked_models
from config.telemetry import collectors
from config.telemetry.collectors import SiteState
from tests.support.api.client import PASSWORD
from tests.support.servers import live
from tests.support.servers.databases import connected, installation
from tests.support.servers.postgres import cluster
from tests.support.servers.prometheus import promtool, scrape, value
from tests.support.waiting import MOST_SECONDS, until
from users.models import Session, User

pytestmark = [pytest.mark.thorough, pytest.mark.live]

#: Requests, so many that each of two workers gets some.
MANY = 40
COUNTED = "warehouse_http_request_seconds_count"


class Server(NamedTuple):
    """The main process of a server, its address, and the port of its metrics."""

    main: psutil.Process
    url: str
    port: int


@contextmanager
def counting(folder: Path, **own: str) -> Iterator[Server]:
    """With two workers."""
    port = live.free_port()
    environment = live.patient_environment() | {"WORKERS": "2", "VAR_DIR": str(folder), "METRICS_PORT": str(port)}
    with live.running(environment | own, folder.parent / f"serve-{port}.log") as (main, url):
        yield Server(main, url, port)


@pytest.fixture(scope="module")
def served(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("metrics") / "var") as server:
        yield server


def ask(url: str, times: int = 1) -> None:
    """Each on a connection of its own, as nginx does."""
    for _ in range(times):
        assert httpx.get(f"{url}/users", timeout=MOST_SECONDS).status_code == 401


def asked(port: int) -> float:
    return value(scrape(port), COUNTED, route="users-list", method="GET", status="401")


# --- All workers together ---------------------------------------------------------------------------------------
def test_requests_of_all_workers_are_added_up(served: Server) -> None:
    main, url, port = served
    before = asked(port)

    ask(url, MANY)

    until(lambda: asked(port) >= before + MANY)
    assert asked(port) == before + MANY
    files = {path.name for path in Path(main.environ()["VAR_DIR"], "metrics", str(port)).iterdir()}
    assert {f"histogram_{worker.pid}.db" for worker in live.workers_of(main)} <= files


def test_sign_ins_tokens_and_statements_are_counted(served: Server, transactional_db: None, pat: User) -> None:
    _, url, port = served
    before = scrape(port)
    form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
    with httpx.Client(base_url=url, timeout=MOST_SECONDS) as client:
        tokens = client.post("/token", data=form).json()
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert client.post("/token", data=refresh).status_code == 200
        assert client.post("/token", data=form | {"password": "wrong-Horse-1!"}).status_code == 400
        assert client.post("/revoke", data={"token": tokens["access_token"]}).status_code == 200
    after = scrape(port)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    issued = "warehouse_tokens_issued_total"
    assert more(issued) == 2
    assert more(issued, grant="password", kind="session") == more(issued, grant="refresh_token", kind="session") == 1
    for event in ("successful_login", "failed_login", "token_revoked"):
        assert more("warehouse_security_events_total", event=event) == 1, event
    assert more("warehouse_database_statements_total", route="token") > 5
    assert more("warehouse_database_seconds_total", route="token") > 0


def test_promtool_finds_nothing_to_complain_of(served: Server) -> None:
    assert promtool("check", "metrics", given=scrape(served[2])) == ""


# --- Workers and servers that come and go -----------------------------------------------------------------------
def test_no_counter_goes_back_when_a_worker_is_killed(served: Server) -> None:
    main, url, port = served
    ask(url, MANY)
    before = asked(port)
    worker = live.workers_of(main)[0]
    worker.kill()
    assert psutil.wait_procs([worker], timeout=MOST_SECONDS)[1] == []

    until(lambda: len(live.workers_of(main)) == 2)
    live.wait_until_it_listens(url)
    assert asked(port) == before
    ask(url, MANY)
    until(lambda: asked(port) == before + MANY)


def test_no_counter_goes_back_when_a_reload_replaces_the_workers(served: Server) -> None:
    main, url, port = served
    ask(url, MANY)
    before, workers = asked(port), live.workers_of(main)
    main.send_signal(psutil.signal.SIGHUP)
    assert psutil.wait_procs(workers, timeout=MOST_SECONDS)[1] == []

    live.wait_until_it_listens(url)
    assert asked(port) == before
    ask(url, MANY)
    until(lambda: asked(port) == before + MANY)
    files = {path.name for path in Path(main.environ()["VAR_DIR"], "metrics", str(port)).iterdir()}
    running = {f"histogram_{worker.pid}.db" for worker in live.workers_of(main)}
    assert {name for name in files if name.startswith("histogram")} - running == {"histogram_0.db"}, "one for all ended"


def test_a_server_begins_at_0_whatever_a_killed_one_left_and_counts_its_own_only(
    served: Server, tmp_path: Path
) -> None:
    """Both have one `VAR_DIR`, as the servers of a machine may."""
    main, url, port = served
    ask(url, MANY)
    before, var = asked(port), Path(main.environ()["VAR_DIR"])
    other_port = live.free_port()
    left = var / "metrics" / str(other_port)
    left.mkdir()
    source = next((var / "metrics" / str(port)).glob("histogram_*.db"))
    (left / "histogram_1.db").write_bytes(source.read_bytes())

    with counting(var, METRICS_PORT=str(other_port)) as (_, other_url, _unused):
        assert value(scrape(other_port), COUNTED, route="users-list") == 0
        ask(other_url, 3)
        until(lambda: asked(other_port) == 3)
    assert asked(port) == before


# --- Closed by default ------------------------------------------------------------------------------------------
def test_the_public_port_has_no_metrics(served: Server) -> None:
    _, url, port = served
    answer = httpx.get(f"{url}/metrics", timeout=MOST_SECONDS)

    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (404, "Not found")
    assert {one.laddr.ip for one in served[0].net_connections("tcp") if one.laddr.port == port} == {"127.0.0.1"}


def test_without_a_port_or_an_endpoint_nothing_is_loaded() -> None:
    """Nor is it for a command other than `serve`, which does not load the middleware."""
    found = "[name for name in sys.modules if name.startswith(('prometheus', 'opentelemetry'))]"
    look = f"import sys, config.wsgi; print({found})"
    environment = live.production_environment()

    done = subprocess.run(
        [sys.executable, "-c", look], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_port_that_is_in_use_is_named(transactional_db: None, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        own = {"METRICS_PORT": str(port), "PORT": str(live.free_port()), "VAR_DIR": str(tmp_path / "var")}
        log = tmp_path / "refused.log"
        with live.start(live.production_environment() | own, log) as server:
            assert server.communicate(timeout=MOST_SECONDS) == ("", None)

    assert (server.returncode, live.operator_lines(log)) == (
        1,
        [
            f"CommandError: Cannot serve metrics on 127.0.0.1:{port} (Address already in use): "
            "choose another METRICS_PORT or METRICS_HOST."
        ],
    )


# --- Gauges -----------------------------------------------------------------------------------------------------
def gauges(state: SiteState) -> dict[str, dict[str, float]]:
    """Name → label value → figure."""

    def values(metric: Metric) -> dict[str, float]:
        return {next(iter(sample.labels.values()), ""): sample.value for sample in metric.samples}

    return {metric.name: values(metric) for metric in state.collect()}


@pytest.mark.django_db(transaction=True)
def test_gauges_say_what_is_in_the_database(pat: User, sam: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectors, "MAX_SECONDS", MOST_SECONDS)
    tomorrow = timezone.now() + timedelta(days=1)
    Session.objects.create(user=pat, client_id="frontend", refresh_digest="a", expires_at=tomorrow)
    Session.objects.create(user=sam, client_id="frontend", refresh_digest="b", expires_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE users_userevent")

    found = gauges(SiteState())

    assert found["warehouse_database_up"] == {"": 1}
    assert found["warehouse_sessions_open"] == {"": 1}
    assert found["warehouse_imports"] == dict.fromkeys(["checking", "checked", "applying", "applied", "stopped"], 0)
    assert found["warehouse_signing_key_age_seconds"][""] > 0
    assert found["warehouse_history_rows"]["users_userevent"] == 2
    assert len(found["warehouse_history_rows"]) == len(tracked_models())


@pytest.mark.django_db(transaction=True)
def test_a_scrape_is_answered_in_time_when_the_database_is_away_or_does_not_react(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collectors, "MAX_SECONDS", 1)
    state, down = SiteState(), {"warehouse_database_up": {"": 0}}
    patience = f"?connect_timeout={MOST_SECONDS}"
    with cluster(fsync="off") as database, connected(installation(f"{database.url}{patience}")):
        with database.frozen():
            assert [gauges(state), gauges(state), is_reading()] == [down, down, True]
        assert until(lambda: not is_reading())
        assert gauges(state)["warehouse_database_up"] == {"": 1}  # it has no tables: what reads them is left out
        database.stop()
        assert gauges(state) == down


def is_reading() -> bool:
    return any(thread.name == "metrics-reader" for thread in threading.enumerate())
