"""`DATABASE_URL` names several servers: after a failover requests reach the new primary, without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD
from tests.support.servers.live import live_server, production_environment
from tests.support.servers.postgres import Cluster, cluster, replica
from tests.support.waiting import MOST_SECONDS, until

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.xdist_group("clusters")]


class Site:
    """A server with one worker, its primary and a replica, and a manager who is signed in."""

    def __init__(self, primary: Cluster, replica: Cluster, wire: httpx.Client) -> None:
        self.primary, self.replica, self.wire = primary, replica, wire
        self.row = wire.get(ASSIGNMENTS).json()["data"][0]["id"]

    def write(self) -> httpx.Response:
        body = {"data": {"attributes": {"isActive": True}}}
        return self.wire.patch(f"{ASSIGNMENTS}/{self.row}", json=body)

    def promote_replica(self) -> None:
        with self.primary.operator() as one, self.replica.operator() as other:
            written = one.execute("SELECT pg_current_wal_lsn()").fetchone()
            until(lambda: _only(other.execute("SELECT pg_last_wal_replay_lsn() >= %s", written)))
        with self.replica.operator() as other:
            other.execute("SELECT pg_promote()")  # which waits until it is


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        primary = stack.enter_context(cluster(demo=True, fsync="off"))
        copy = stack.enter_context(replica(primary))
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{copy.port}"
        url = f"postgres://site@{hosts}/site?target_session_attrs=read-write&connect_timeout=2"
        environment = production_environment() | {"DATABASE_URL": url, "WORKERS": "1"}
        address = stack.enter_context(live_server(environment, tmp_path / "log"))
        wire = stack.enter_context(httpx.Client(base_url=address, timeout=MOST_SECONDS))
        form = {"grant_type": "password", "username": "pat.picker@example.test", "password": PASSWORD}
        token = wire.post("/token", data=form).json()["access_token"]
        wire.headers.update({"Authorization": f"Bearer {token}", "Content-Type": JSON_API})
        yield Site(primary, copy, wire)


def _only(cursor: Any) -> Any:
    ((value,),) = cursor.fetchall()
    return value


def test_a_primary_that_dies_is_replaced_by_the_promoted_one(site: Site) -> None:
    assert site.write().status_code == 200
    site.promote_replica()
    site.primary.kill()
    answers: list[int] = []
    until(lambda: answers.append(site.write().status_code) or answers[-1] == 200)  # type: ignore[func-returns-value]
    assert {*answers} <= {200, 503}


def test_a_former_primary_is_given_up_at_its_first_refusal(site: Site) -> None:
    """It goes on reading, and keeps its connections: libpq would not look for another one by itself."""
    assert site.write().status_code == 200
    site.promote_replica()
    with site.primary.operator() as operator:
        operator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        operator.execute("SELECT pg_reload_conf()")
    until(lambda: site.write().status_code == 503)
    refused = site.write()
    assert refused.status_code == 200, refused.text
