"""The site behind pgbouncer in transaction mode (`POOL_URL`): requests go through it, and jobs and commands do not."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.oauth.code_flow import APP
from tests.support.servers import a_day, live
from tests.support.servers.live import database_url, production_environment
from tests.support.servers.pgbouncer import pooler
from tests.support.waiting import MOST_SECONDS
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]


def test_a_day_through_a_pooler_with_one_connection_is_like_any_other(
    tmp_path: Path, ada: User, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    """Sign-ins, tokens, pages, an import. One connection for all workers shows whatever one leaves behind on it."""
    pat_north.activate()
    port, log = live.free_port(), tmp_path / "log"
    environment = production_environment() | {
        "DEFAULT_CLIENT_REDIRECT_URIS": APP,
        "EMAIL_URL": "consolemail://",
        "PORT": str(port),
        "WORKERS": "2",
    }
    with pooler(database_url(), {"default_pool_size = 20": "default_pool_size = 1"}) as made:
        server = live.start(environment | {"POOL_URL": made.url}, log)
        day = a_day.Day(f"http://127.0.0.1:{port}", server)
        try:
            live.wait_until_ready(server, day.url, log)
            a_day.of_a_warehouse_user(day, pat)
            a_day.of_an_administrator(day, ada, pat)
        finally:
            day.end()
    assert [line for line in log.read_text().splitlines() if '"level": "ERROR"' in line] == []


def test_requests_have_the_limits_that_the_pooler_sets(tmp_path: Path, pat: User) -> None:
    with pooler(database_url()) as made, psycopg.connect(made.url) as pooled:
        shown = pooled.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('idle_in_transaction_session_timeout')"
        )
        assert shown.fetchone() == ("10s", "1s", "30s")


def test_serve_refuses_a_pooler_without_limits(tmp_path: Path, transactional_db: None) -> None:
    log = tmp_path / "log"
    with pooler(database_url(), {"SET statement_timeout = 10000; ": ""}) as made:
        assert _refusal({"POOL_URL": made.url}, log) == (
            "CommandError: POOL_URL: statement_timeout is 0 ms there, and STATEMENT_TIMEOUT_SECONDS says 10000 ms: set "
            "both alike. A pooler sets it when it connects, as deploy/pgbouncer/pgbouncer.ini does (connect_query)."
        )


def test_serve_refuses_a_pooler_that_does_not_answer(tmp_path: Path, transactional_db: None) -> None:
    port = live.free_port()
    assert _refusal({"POOL_URL": f"postgres://a:secret@127.0.0.1:{port}/x"}, tmp_path / "log") == (
        'CommandError: POOL_URL: the pooler does not answer (connection failed: connection to server at "127.0.0.1", '
        f"port {port} failed: Connection refused)."
    )


def test_serve_refuses_an_option_that_libpq_does_not_know(tmp_path: Path, transactional_db: None) -> None:
    assert _refusal({"POOL_URL": "postgres://a:secret@127.0.0.1:1/x?no_option=1"}, tmp_path / "log") == (
        'CommandError: POOL_URL: the pooler does not answer (invalid connection option "no_option").'
    )


def _refusal(environment: dict[str, str], log: Path) -> str:
    own = production_environment() | environment | {"PORT": str(live.free_port())}
    with live.start(own, log) as server:
        assert server.communicate(timeout=MOST_SECONDS) == ("", None)
    assert server.returncode == 1
    (line,) = live.operator_lines(log)
    return line
