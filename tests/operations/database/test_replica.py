"""`DATABASE_REPLICA_URL`: lists of the Back Office may show the past; nothing that decides does, however far behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.api.client import ASSIGNMENTS, PASSWORD
from tests.support.servers.live import live_server, production_environment
from tests.support.servers.postgres import Cluster, cluster, replica
from tests.support.waiting import MOST_SECONDS, until

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.xdist_group("clusters")]

LIST, HISTORY, ROSTER = "/admin/users/user/", "/admin/history/", "/admin/assignments/warehouseuserassignment/roster/"
PAT = "pat.picker@example.test"
DAY_OF_SECONDS = "86400"


class Site:
    """A server with one worker, a primary and a replica that follows it until it is told to stop."""

    def __init__(self, url: str, primary: Cluster, copy: Cluster, open_clients: ExitStack) -> None:
        self.url, self.primary, self.copy = url, primary, copy
        self._open = open_clients

    def client(self, **headers: str) -> httpx.Client:
        return self._open.enter_context(
            httpx.Client(base_url=self.url, headers=headers, timeout=MOST_SECONDS, follow_redirects=True)
        )

    def browser(self) -> httpx.Client:
        """Of a manager who is signed in, and has changed nothing for a while."""
        browser = self.client()
        browser.get("/admin/login/")
        page = browser.post(
            "/admin/login/", data=form(browser, username="olive.office@example.test", password=PASSWORD)
        )
        assert "Dashboard" in page.text
        browser.cookies.delete("reads_primary", domain="127.0.0.1")
        return browser

    def sql(self, statement: str) -> Any:
        """On the primary. The rows, if there are any."""
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def rename_pat(self, name: str) -> None:
        self.sql(f"UPDATE users_user SET last_name = '{name}' WHERE email = '{PAT}'")

    def reads_of_the_replica(self) -> int:
        """How often it has read the table of users, by PostgreSQL's statistics, which come a little later."""
        with psycopg.connect(self.copy.url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'users_user'"
            ).fetchone()
            return row[0] if row else 0

    def stop_following(self) -> None:
        """The replica has everything up to now, and nothing that comes."""
        ((written,),) = self.sql("SELECT pg_current_wal_lsn()::text")
        with self.copy.operator() as connection:

            def has_all() -> bool:
                row = connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]).fetchone()
                return bool(row and row[0])

            until(has_all)
            connection.execute("SELECT pg_wal_replay_pause()")

            def is_paused() -> bool:
                row = connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone()
                return bool(row and row[0] == "paused")

            until(is_paused)


def form(browser: httpx.Client, **values: str) -> dict[str, str]:
    return values | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}


@contextmanager
def site(log: Path, **environment: str) -> Iterator[Site]:
    with ExitStack() as stack:
        primary = stack.enter_context(cluster(demo=True, fsync="off"))
        copy = stack.enter_context(replica(primary))
        own = {"DATABASE_URL": primary.url, "DATABASE_REPLICA_URL": copy.url, "WORKERS": "1"} | environment
        url = stack.enter_context(live_server(production_environment() | own, log))
        yield Site(url, primary, copy, stack.enter_context(ExitStack()))


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "log") as made:
        yield made


@pytest.fixture
def far_behind(tmp_path: Path) -> Iterator[Site]:
    """A replica that stopped following, where a day of it is taken for near."""
    with site(tmp_path / "log", REPLICA_MAX_LAG_SECONDS=DAY_OF_SECONDS) as made:
        made.sql(f"UPDATE users_user SET last_name = 'Before' WHERE email = '{PAT}'")
        made.stop_following()
        yield made


def test_lists_history_roster_and_exports_show_the_replica(far_behind: Site) -> None:
    browser = far_behind.browser()
    far_behind.rename_pat("Afterwards")
    ((pk,),) = far_behind.sql(f"SELECT id FROM users_user WHERE email = '{PAT}'")
    shown: dict[str, Callable[[], str]] = {
        "list": lambda: browser.get(LIST, params={"q": "pat"}).text,
        "history": lambda: browser.get(f"{LIST}{pk}/history/").text,
        "roster": lambda: browser.get(ROSTER).text,
        "form": lambda: browser.get(f"{LIST}{pk}/change/").text,
    }
    found = {name: ("Before" in text, "Afterwards" in text) for name, page in shown.items() for text in [page()]}
    old, new = (True, False), (False, True)
    assert found == {"list": old, "history": old, "roster": old, "form": new}
    assert '"Afterwards"' in exported(browser), "who changes something and exports it misses the change"


def test_an_export_reads_a_replica_that_has_everything(following: Site) -> None:
    browser = following.browser()
    following.rename_pat("Afterwards")
    before = following.reads_of_the_replica()
    assert '"Afterwards"' in exported(browser)
    until(lambda: following.reads_of_the_replica() > before)


def exported(browser: httpx.Client) -> str:
    page = browser.post(f"{LIST}export/?format=csv", data=form(browser))
    file = f"{page.url}file/"
    until(lambda: browser.get(file).status_code == 200)
    return browser.get(file).text


def test_what_is_too_new_for_the_replica_is_neither_missing_nor_without_a_name(far_behind: Site) -> None:
    reader, writer = far_behind.browser(), far_behind.browser()
    ((north,),) = far_behind.sql("SELECT min(id) FROM warehouses_warehouse")
    ((pk,),) = far_behind.sql(
        "INSERT INTO users_user (email, first_name, last_name, is_warehouse_user, password)"
        " VALUES ('nina.new@example.test', 'Nina', 'Newcomer', true, '!') RETURNING id"
    )
    far_behind.sql(f"INSERT INTO assignments_warehouseuserassignment (user_id, warehouse_id) VALUES ({pk}, {north})")
    assert writer.post(f"{LIST}{pk}/switch/deactivate/", data=form(writer)).status_code == 200
    page = writer.get(f"{LIST}{pk}/history/").text
    (change_set,) = {unescape(link) for link in re.findall(r'href="(/admin/history/change-set/[^"]+)"', page)}

    assert "nina.new@example.test" in reader.get(change_set).text
    assert "nina.new@example.test" in reader.get(f"{LIST}{pk}/history/").text
    rows = [row.partition("</tr>")[0] for row in reader.get(ROSTER).text.partition("<tbody")[2].split("<tr")[1:]]
    assert [row for row in rows if "@example.test" not in row] == [], "somebody has no name"
    assert rows


def test_who_is_blocked_is_out_at_the_next_call_however_far_the_replica_is_behind(far_behind: Site) -> None:
    app, other, olive = far_behind.client(), far_behind.browser(), far_behind.browser()
    tokens = app.post("/token", data={"grant_type": "password", "username": PAT, "password": PASSWORD}).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert app.get(ASSIGNMENTS, headers=bearer).status_code == 200
    ((pk,),) = far_behind.sql(f"SELECT id FROM users_user WHERE email = '{PAT}'")

    assert olive.post(f"{LIST}{pk}/switch/deactivate/", data=form(olive)).status_code == 200

    assert app.get(ASSIGNMENTS, headers=bearer).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert app.post("/token", data=refresh).json()["error_description"] == "The refresh token is invalid."
    again = app.post("/token", data={"grant_type": "password", "username": PAT, "password": PASSWORD})
    assert again.json()["error"] == "invalid_grant"
    stale = other.get(LIST, params={"q": "pat"}).text
    own = olive.get(LIST, params={"q": "pat"}).text
    assert ("Deactivated" in status_of_pat(stale), "Deactivated" in status_of_pat(own)) == (False, True)


def status_of_pat(page: str) -> str:
    """The row of Pat in the list."""
    (row,) = (part for part in page.split("<tr")[1:] if PAT in part)
    return row.partition("</tr>")[0]


def test_a_replica_that_is_too_far_behind_is_left_alone(tmp_path: Path) -> None:
    with site(tmp_path / "log", REPLICA_MAX_LAG_SECONDS="1") as made:
        browser = made.browser()
        made.stop_following()
        made.rename_pat("Afterwards")
        until(lambda: "Afterwards" in browser.get(LIST, params={"q": "pat"}).text)


def test_a_replica_that_dies_costs_nobody_a_page(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with site(log, REPLICA_MAX_LAG_SECONDS=DAY_OF_SECONDS) as made:
        browser = made.browser()
        assert browser.get(LIST).status_code == 200
        made.copy.kill()
        made.rename_pat("Afterwards")
        assert "Afterwards" in browser.get(LIST, params={"q": "pat"}).text
        assert "The replica is left alone for 10 seconds" in log.read_text()


def test_a_frozen_replica_costs_nobody_a_page(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with site(log, REPLICA_MAX_LAG_SECONDS=DAY_OF_SECONDS, STATEMENT_TIMEOUT_SECONDS="3") as made:
        browser = made.browser()
        assert browser.get(LIST).status_code == 200
        made.rename_pat("Afterwards")
        with made.copy.frozen():
            page = browser.get(LIST, params={"q": "pat"})
            assert (page.status_code, "Afterwards" in page.text) == (200, True)
        assert "its connection to the database (replica) is shut down" in log.read_text()


def test_what_the_replica_cannot_read_is_read_from_the_primary(tmp_path: Path) -> None:
    """As when it lacks a migration that the primary has, or its URL names a wrong database."""
    log = tmp_path / "log"
    with ExitStack() as stack:
        primary = stack.enter_context(cluster(demo=True, fsync="off"))
        copy = stack.enter_context(replica(primary))
        url = copy.url.removesuffix("site") + "postgres"
        own = {"DATABASE_URL": primary.url, "DATABASE_REPLICA_URL": url, "WORKERS": "1"}
        address = stack.enter_context(live_server(production_environment() | own, log))
        made = Site(address, primary, copy, stack.enter_context(ExitStack()))
        browser = made.browser()
        assert PAT in exported(browser)
        assert failures(log) == 1
        until(lambda: PAT in browser.get(LIST).text and failures(log) == 2)


def failures(log: Path) -> int:
    return log.read_text().count("The replica is left alone for 10 seconds: relation")
