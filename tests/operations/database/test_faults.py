"""The database fails and comes back: callers are told to try again, nothing is lost, and nobody restarts anything.

The long version, with 32 clients and every fault, is `make endurance PARTS=faults`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD, Api, error, refusal
from tests.support.servers.live import live_server, production_environment
from tests.support.servers.postgres import Cluster, cluster
from tests.support.waiting import MOST_SECONDS, until

pytestmark = pytest.mark.xdist_group("clusters")

DETAIL = "The database does not answer at the moment. Please try again."
UNAVAILABLE = error(503, DETAIL)
CRASHED = error(500, "Something went wrong on our side. It has been logged.")
SWITCH = {"data": {"attributes": {"isActive": True}}}
#: What a server on a busy machine may take besides. Without a limit, it waits for ever.
OWN_SECONDS = 30
TABLE = "assignments_warehouseuserassignment"


# --- What PostgreSQL says, and what is made of it -----------------------------------------------------------------
def refuse_changes(sqlstate: str) -> None:
    """Makes PostgreSQL itself refuse to change an assignment, for this reason; until the test's end."""
    with connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'said by PostgreSQL'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON {TABLE} EXECUTE FUNCTION refuse()
        """)


@pytest.mark.parametrize(
    "sqlstate",
    [
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: starting up, shutting down
        "57P05",  # idle_session_timeout
        "53300",  # too_many_connections
        "53100",  # disk_full
        "57014",  # query_canceled: statement_timeout
        "55P03",  # lock_not_available: lock_timeout
        "40P01",  # deadlock_detected
        "40001",  # serialization_failure
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "25006",  # read_only_sql_transaction: another server has taken over
    ],
)
def test_what_passes_is_a_503_that_says_when_to_come_back(
    as_pat: Api, pat_north: WarehouseUserAssignment, sqlstate: str
) -> None:
    refuse_changes(sqlstate)
    answer = as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    assert (refusal(answer), answer["Retry-After"]) == ([UNAVAILABLE], "1")


@pytest.mark.parametrize("sqlstate", ["XX000", "25P02", "42P01"])  # internal_error, in_failed_…, undefined_table
def test_what_does_not_pass_is_a_500(as_pat: Api, pat_north: WarehouseUserAssignment, sqlstate: str) -> None:
    refuse_changes(sqlstate)
    answer = as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    assert (refusal(answer), "Retry-After" in answer) == ([CRASHED], False)


# --- A server whose database fails --------------------------------------------------------------------------------
@dataclass
class Site:
    """A real server with one worker on a PostgreSQL of its own, and Pat, who has no current warehouse yet."""

    postgres: Cluster
    wire: httpx.Client

    def get(self) -> httpx.Response:
        return self.wire.get(ASSIGNMENTS)

    def switch(self) -> httpx.Response:
        return self.wire.patch(f"{ASSIGNMENTS}/{self.get().json()['data'][0]['id']}", json=SWITCH)

    def active(self) -> list[bool]:
        return [row["attributes"]["isActive"] for row in self.get().json()["data"]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        postgres = stack.enter_context(cluster(demo=True, fsync="off"))
        environment = production_environment() | {
            "DATABASE_URL": f"{postgres.url}?connect_timeout=2",
            "WORKERS": "1",
            "PGAPPNAME": "site",
            "STATEMENT_TIMEOUT_SECONDS": "1",
        }
        url = stack.enter_context(live_server(environment, tmp_path_factory.mktemp("faults") / "log"))
        wire = stack.enter_context(httpx.Client(base_url=url, timeout=MOST_SECONDS))
        form = {"grant_type": "password", "username": "pat.picker@example.test", "password": PASSWORD}
        token = wire.post("/token", data=form).json()["access_token"]
        wire.headers.update({"Authorization": f"Bearer {token}", "Content-Type": JSON_API})
        yield Site(postgres, wire)


def told(answer: httpx.Response) -> tuple[int, str | None, Any]:
    return answer.status_code, answer.headers.get("Retry-After"), answer.json()


@pytest.mark.thorough
@pytest.mark.live
def test_callers_are_answered_503_while_it_is_stopped_and_served_when_it_is_back(site: Site) -> None:
    before = site.active()
    site.postgres.stop()
    assert told(site.get()) == (503, "1", {"errors": [UNAVAILABLE]})
    plain = [{"message": DETAIL, "status": 503, "code": None}]
    assert told(site.wire.post("/warehouse-tokens")) == (503, "1", plain)
    form = {"grant_type": "password", "username": "x", "password": "y"}
    oauth = {"error": "server_error", "error_description": DETAIL}
    assert told(site.wire.post("/token", json=form)) == (503, "1", oauth)
    site.postgres.start()
    assert site.active() == before


@pytest.mark.thorough
@pytest.mark.live
@pytest.mark.parametrize(("language", "words"), [("de-DE,de", "Einen Moment bitte"), ("en", "One moment, please")])
def test_the_back_office_shows_a_page_while_it_is_stopped(site: Site, language: str, words: str) -> None:
    """To one with a session, too, whom the middleware looks for."""
    site.postgres.stop()
    answers = [
        site.wire.get("/admin/users/user/?q=pat", headers={"Accept-Language": language, "Cookie": cookie})
        for cookie in ("", "sessionid=abcdefghijklmnopqrstuvwxyz012345")
    ]
    site.postgres.start()
    signed_out, page = answers
    assert signed_out.status_code == 302  # to the login page, without a query
    assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<h1>{words}</h1>" in page.text
    assert 'href="/admin/users/user/?q=pat"' in page.text


@pytest.mark.thorough
@pytest.mark.live
@pytest.mark.parametrize("fault", [Cluster.stop, Cluster.kill])
def test_a_restart_that_nobody_saw_costs_nobody_a_request(site: Site, fault: Any) -> None:
    """The connection that the worker keeps is dead then; it notices before it asks."""
    before = site.active()
    fault(site.postgres)
    site.postgres.start()
    assert site.active() == before


@pytest.mark.thorough
@pytest.mark.live
def test_a_backend_killed_in_mid_transaction_is_a_503_and_changes_nothing(site: Site) -> None:
    before = site.active()
    own = f"postgres://postgres@127.0.0.1:{site.postgres.port}/site"
    with psycopg.connect(own) as lock, ThreadPoolExecutor() as threads, site.postgres.operator() as operator:
        lock.execute("SELECT FROM users_user FOR UPDATE")
        answer = threads.submit(site.switch)
        while not operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'site' AND wait_event_type = 'Lock'"
        ).fetchall():
            if answer.done():  # it was given up before it was seen to wait
                answer = threads.submit(site.switch)
        assert told(answer.result()) == (503, "1", {"errors": [UNAVAILABLE]})
    assert site.active() == before
    assert site.switch().status_code == 200


@pytest.mark.thorough
@pytest.mark.live
def test_a_database_without_a_free_connection_is_a_503_until_there_is_one(site: Site) -> None:
    with ExitStack() as taken, site.postgres.operator() as operator:
        while (answer := site.get()).status_code == 200:
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'site'")
            take_all(site.postgres, taken)
        assert told(answer) == (503, "1", {"errors": [UNAVAILABLE]})
    until(lambda: site.get().status_code == 200)  # PostgreSQL frees a place a moment after it was left


def take_all(postgres: Cluster, taken: ExitStack) -> None:
    """Every place that the site's role may have; its own, too, if it is quick."""
    while True:
        try:
            taken.enter_context(psycopg.connect(postgres.url))
        except psycopg.OperationalError:
            return


@pytest.mark.thorough
@pytest.mark.live
def test_a_database_that_is_frozen_holds_nobody_for_ever(site: Site) -> None:
    """It is not gone, and heeds no limit: who waits is told after three times `STATEMENT_TIMEOUT_SECONDS`."""
    before = site.active()
    with site.postgres.frozen():
        for _ in range(2):  # one on the connection that the worker kept, one that needs a new one
            began = time.monotonic()
            assert told(site.get()) == (503, "1", {"errors": [UNAVAILABLE]})
            assert time.monotonic() - began < 3 + OWN_SECONDS
    assert site.active() == before
