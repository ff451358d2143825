"""Does time tell who exists? "Forgot password?" for accounts of every kind, in random order, over real HTTP.

    .venv/bin/python -m pytest -q -s tests/benchmarks/reset_times.py

`TRIES` (environment, default 400) of each kind, every one with an account of its own, so that none is throttled; one
worker, which delivers e-mail to a mail server beside it. Two times are taken: that of the answer, and that of the
next requests to the same worker, sent at once, which meet what the worker does beside its answers. *Slower* is how
often a try takes longer than one for an unknown name (`sign_in_times`).
"""

from __future__ import annotations

import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password

from tests.benchmarks.sign_in_times import UNKNOWN, slower
from tests.support.servers import live
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_hashing")]
TRIES = int(os.environ.get("TRIES", "400"))
RESET = "/admin/password_reset/"
#: Kind of account → its columns.
KINDS: dict[str, dict[str, Any]] = {
    "Back Office user": {},
    "warehouse user": {"is_warehouse_user": True},
    "blocked": {"status": User.Status.BLOCKED},
    "deleted": {"status": User.Status.DELETED},
    "no password yet": {"password": make_password(None)},
}
TIMES = ("the answer", "the next requests")
#: So many next requests outlast the work for one e-mail.
FOLLOWING = 5
#: How far from 0.5: two and a half standard deviations of 400 tries.
MOST = 0.05


def test_time_does_not_disclose_who_exists(transactional_db: None, password_hash: str, tmp_path: Path) -> None:
    tries = [*_accounts(password_hash)]
    taken: dict[str, list[tuple[float, float]]] = {}
    with mail_server() as port:
        environment = live.production_environment() | {"WORKERS": "1", "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        with live.live_server(environment, tmp_path / "log") as url, httpx.Client(base_url=url, timeout=60) as client:
            form = _form(client)
            for number in range(20):
                _seconds(client, form, f"warming.up{number}@example.test")
            for kind, name in random.sample(tries, len(tries)):
                taken.setdefault(kind, []).append(_seconds(client, form, name))
    shares = {
        what: _report(what, {kind: [pair[place] for pair in pairs] for kind, pairs in taken.items()})
        for place, what in enumerate(TIMES)
    }
    told = {(what, kind): share for what in TIMES for kind, share in shares[what].items() if abs(share - 0.5) > MOST}
    assert told == {}


def _accounts(password_hash: str) -> Iterable[tuple[str, str]]:
    """Kind and name of every try; makes the accounts."""
    yield from ((UNKNOWN, f"nobody{n}@example.test") for n in range(TRIES))
    for number, (kind, columns) in enumerate(KINDS.items()):
        names = [f"kind{number}n{n}@example.test" for n in range(TRIES)]
        named = {"first_name": "Kim", "last_name": "Keeper", "password": password_hash} | columns
        User.objects.bulk_create(User(email=name, **named) for name in names)
        yield from ((kind, name) for name in names)


def _form(client: httpx.Client) -> dict[str, str]:
    """What the page's form sends besides the e-mail."""
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(RESET).text)
    return {"csrfmiddlewaretoken": token}


def _seconds(client: httpx.Client, form: dict[str, str], name: str) -> tuple[float, float]:
    begun = time.perf_counter()
    answer = client.post(RESET, data=form | {"email": name})
    answered = time.perf_counter()
    following = {client.get("/health/live").status_code for _ in range(FOLLOWING)}
    ended = time.perf_counter()
    assert (answer.status_code, following) == (302, {200}), answer.text
    for cookie in ("messages", "sessionid"):
        client.cookies.delete(cookie) if cookie in client.cookies else None
    return answered - begun, ended - answered


def _report(what: str, taken: dict[str, list[float]]) -> dict[str, float]:
    print(f"\n{what}, {TRIES} tries of each kind")
    shares = {}
    for kind in (UNKNOWN, *KINDS):
        low, median, high = (f"{1000 * value:.2f}" for value in statistics.quantiles(taken[kind], n=4))
        shares[kind] = slower(taken[kind], taken[UNKNOWN])
        print(f"  {kind:16} median {median} ms, quartiles {low} and {high} ms, slower {shares[kind]:.3f}")
    return shares


# --- A mail server, in a process of its own ----------------------------------------------------------------------
@contextmanager
def mail_server() -> Iterator[int]:
    """The port of one that takes everything and keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-c", _MAIL_SERVER, str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.wait()


#: Just enough of RFC 5321: says yes to each command, and once to a whole message.
_MAIL_SERVER = r"""
import asyncio, socket, sys

async def talk(reader, writer):
    writer.write(b"220 here\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 yes\r\n")
    writer.close()

async def main():
    server = await asyncio.start_server(talk, sock=socket.socket(fileno=int(sys.argv[1])))
    await server.serve_forever()

asyncio.run(main())
"""
