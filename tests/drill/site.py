"""The installation of the drill: three PostgreSQL servers, two application servers, and nginx in front of them."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drill import patroni
from tests.drill.clients import INTROSPECTORS, WRITERS
from tests.drill.patroni import Servers
from tests.endurance.faults import ONE_ADDRESS
from tests.endurance.installation import Installation
from tests.support.freezing import frozen
from tests.support.servers import nginx

#: Three of them are less than Patroni's `ttl`: nobody waits for a frozen primary until another one is elected.
STATEMENT_TIMEOUT_SECONDS = 3


@dataclass
class Site:
    servers: Servers
    first: Installation[Servers]
    second: Installation[Servers]
    proxy: nginx.Proxy

    @property
    def both(self) -> tuple[Installation[Servers], ...]:
        return self.first, self.second

    def restart(self, **changed: str) -> None:
        """One after the other, with these environment variables changed."""
        for one in self.both:
            one.stop()
            one.environment.update(changed)
            one.start()

    def frozen(self, one: Installation[Any]) -> AbstractContextManager[None]:
        """An application server that takes connections and answers none."""
        return frozen(one.processes())

    def reload_nginx(self) -> None:
        self.proxy.process.send_signal(signal.SIGHUP)


@contextmanager
def site() -> Iterator[Site]:
    """Running, with data; whatever happens, no process of it stays behind."""
    with ExitStack() as stack:
        servers = stack.enter_context(patroni.servers())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warehouse-drill-site-")))
        first = Installation(servers, folder)
        first.environment["STATEMENT_TIMEOUT_SECONDS"] = str(STATEMENT_TIMEOUT_SECONDS)
        stack.callback(first.put_away)
        first.start()
        people = WRITERS + INTROSPECTORS
        first.load(people=people, warehouses=8, assignments=people * 4)
        second = stack.enter_context(first.another_server())
        proxy = stack.enter_context(nginx.temporary_proxy(first.server, second.server, replaced=ONE_ADDRESS))
        yield Site(servers, first, second, proxy)
