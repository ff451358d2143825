"""Heads that come byte by byte: each byte is news, and still nobody waits for them longer than for silence.

`make endurance` does the same with a thousand (`tests/endurance/floods.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests import slow
from tests.client import ASSIGNMENTS, sign_in
from tests.live import live_server, production_environment
from users.models import User

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

PATIENCE_SECONDS = 4
#: Many more than there are workers.
MANY = 40
#: In which an honest caller is answered meanwhile: less than the patience with the others.
AT_ONCE_SECONDS = 3
#: When those who trickle are told or closed, at the latest.
GIVEN_UP_SECONDS = PATIENCE_SECONDS + 4


@pytest.fixture(scope="module")
def patient_url(live_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two workers and little patience."""
    log = tmp_path_factory.mktemp("slow-heads") / "serve.log"
    own = {"WORKERS": "2", "PATIENCE_SECONDS": str(PATIENCE_SECONDS)}
    with live_server(production_environment() | own, log) as url:
        yield url


#: What each has sent at first, and what it sends each second.
TRICKLES = {
    "in the first line": (b"GET /users?q=", b"x"),
    "in a header": (b"GET /users HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"x"),
    "a header at a time": (b"GET /users HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Slow: 1\r\n"),
}


@pytest.mark.parametrize(("beginning", "piece"), TRICKLES.values(), ids=TRICKLES.keys())
def test_heads_that_trickle_hold_nobody_and_are_given_up(
    patient_url: str, olive: User, beginning: bytes, piece: bytes
) -> None:
    honest = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}"}
    began = time.monotonic()
    with slow.sockets(patient_url, MANY, beginning) as senders, ThreadPoolExecutor(1) as threads:
        trickling = threads.submit(slow.trickle, senders, piece, began, most_seconds=GIVEN_UP_SECONDS)
        served = [_asked(patient_url, honest) for _ in iter(trickling.done, True)]
    told = trickling.result()

    assert {status for status, _ in served} == {200}
    assert max(seconds for _, seconds in served) < AT_ONCE_SECONDS
    assert len(told) == MANY
    assert {answer.status for answer in told} <= {0, 408}
    assert min(answer.seconds for answer in told) > PATIENCE_SECONDS - 1


def _asked(url: str, headers: dict[str, str]) -> tuple[int, float]:
    """What an honest caller is answered on a new connection, and after how many seconds."""
    began = time.monotonic()
    status = httpx.get(f"{url}{ASSIGNMENTS}", headers=headers, timeout=30).status_code
    return status, time.monotonic() - began
