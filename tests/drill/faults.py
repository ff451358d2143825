"""What happens to the installation, each once: the harm is done, and its cause is gone when a function returns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import psycopg

from assignments import demo
from tests import later_release
from tests.drill.patroni import TTL_SECONDS, Node
from tests.drill.site import STATEMENT_TIMEOUT_SECONDS, Site
from tests.support.servers.pgbouncer import pooler
from tests.support.waiting import MOST_SECONDS, until

_FROZEN_SECONDS = 45
_FROZEN_SERVER_SECONDS = 20
_CUT_OFF_SECONDS = 30
_BEHIND_SECONDS = 15
#: pgbouncer's limits in place of those in deploy/pgbouncer.
_POOL_LIMITS = {"statement_timeout = 10000": f"statement_timeout = {STATEMENT_TIMEOUT_SECONDS}000"}


def _lose(site: Site, node: Node) -> None:
    node.kill()
    until(lambda: [one for one in site.servers.those("primary") if one is not node])
    node.start()


def lose_primary(site: Site) -> None:
    _lose(site, site.servers.the("primary"))


def kill_primary_postgresql(site: Site) -> None:
    site.servers.the("primary").kill_postgresql()


def freeze_primary(site: Site) -> None:
    with site.servers.the("primary").frozen():
        time.sleep(_FROZEN_SECONDS)


def cut_primary_off_from_etcd(site: Site) -> None:
    node = site.servers.the("primary")
    node.cut_off_from_etcd()
    time.sleep(_CUT_OFF_SECONDS)
    node.connect_to_etcd()


def switch_over(site: Site) -> None:
    site.servers.switch_over()


def lose_synchronous_standby(site: Site) -> None:
    _lose(site, site.servers.the("synchronous"))


def kill_a_server(site: Site) -> None:
    site.first.kill()
    site.first.start()


def freeze_a_server(site: Site) -> None:
    with site.frozen(site.first):
        time.sleep(_FROZEN_SERVER_SECONDS)


def reload_nginx(site: Site) -> None:
    for _ in range(3):
        site.reload_nginx()
        time.sleep(1)


def restart_servers(site: Site) -> None:
    site.restart()


def upgrade_servers(site: Site) -> None:
    """Each migrates when it starts; the other one goes on with the former code."""
    site.restart(**later_release.SETTINGS)


def lose_pooler_and_primary(site: Site) -> None:
    """pgbouncer in between, killed and started; then the primary behind it is lost."""
    with pooler(site.servers.pooled_url, _POOL_LIMITS) as pool:
        site.restart(POOL_URL=pool.url)
        pool.kill()
        pool.start()
        lose_primary(site)
        site.servers.wait_until_whole()
        site.restart(POOL_URL="")


def lag(site: Site) -> None:
    """The Back Office's lists read a replica that is ten minutes behind."""
    node = site.servers.the("asynchronous")
    replica = urlsplit(site.servers.url)._replace(
        netloc=f"site:drill-site@127.0.0.1:{node.port}", query="connect_timeout=2"
    )
    _set_delay(site, node, "10min")
    site.restart(DATABASE_REPLICA_URL=replica.geturl(), REPLICA_MAX_LAG_SECONDS="3600")
    _read_lists(site, _BEHIND_SECONDS)
    _set_delay(site, node, "0")
    site.restart(DATABASE_REPLICA_URL="")


def _set_delay(site: Site, node: Node, delay: str) -> None:
    url = urlsplit(site.servers.superuser_url)
    own = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{node.port}", query="connect_timeout=2")
    with psycopg.connect(own.geturl(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET recovery_min_apply_delay = '{delay}'")
        connection.execute("SELECT pg_reload_conf()")


def _read_lists(site: Site, seconds: float) -> None:
    end = time.monotonic() + seconds
    with httpx.Client(base_url=site.proxy.url, timeout=MOST_SECONDS, follow_redirects=True) as browser:
        browser.get("/admin/login/")
        form = {"username": demo.OFFICE, "password": demo.PASSWORD}
        browser.post("/admin/login/", data=form | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]})
        while time.monotonic() < end:
            assert browser.get("/admin/assignments/warehouseuserassignment/").status_code == 200
            time.sleep(0.5)


@dataclass(frozen=True)
class Fault:
    name: str
    happens: Callable[[Site], None]
    #: Most seconds from the harm until all clients are served again; 0 if no idempotent request may fail at all.
    seconds: float = 0


_LOSS_SECONDS = TTL_SECONDS + 5
FAULTS = {
    "primary": Fault("primary lost: PostgreSQL and Patroni killed (-9)", lose_primary, _LOSS_SECONDS),
    "postgresql": Fault("primary's PostgreSQL killed (-9), Patroni alive", kill_primary_postgresql, _LOSS_SECONDS),
    "frozen": Fault(
        f"primary frozen for {_FROZEN_SECONDS} s, PostgreSQL and Patroni, and back", freeze_primary, _LOSS_SECONDS
    ),
    "etcd": Fault(f"primary cut off from etcd for {_CUT_OFF_SECONDS} s", cut_primary_off_from_etcd, _LOSS_SECONDS),
    "switchover": Fault("switchover on command", switch_over, _LOSS_SECONDS),
    "standby": Fault("synchronous standby lost (-9)", lose_synchronous_standby, _LOSS_SECONDS),
    "server": Fault("an application server killed (-9)", kill_a_server),
    "frozen-server": Fault(f"an application server frozen for {_FROZEN_SERVER_SECONDS} s", freeze_a_server),
    "nginx": Fault("nginx reloaded three times", reload_nginx),
    "restart": Fault("rolling restart of both application servers", restart_servers),
    "pooler": Fault("pgbouncer in between, killed (-9); then the primary lost", lose_pooler_and_primary, 60),
    "replica": Fault("a replica ten minutes behind, read by the Back Office", lag),
    "upgrade": Fault("rolling upgrade with migrations", upgrade_servers),
}
