"""Another person's change, committed between what a request reads and what it writes: the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

from django.db import connection, transaction
from django.test import override_settings

from tests.support.hashing import CheapArgon2Hasher
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS

T = TypeVar("T")


class InterruptedHasher(CheapArgon2Hasher):
    """The tests' own. While it hashes, once, another connection commits a change."""

    rival: ClassVar[Callable[[], Any] | None] = None

    def encode(self, password: str, salt: str) -> str:
        digest: str = super().encode(password, salt)
        change, InterruptedHasher.rival = InterruptedHasher.rival, None
        if change is not None:
            elsewhere(change).result(timeout=MOST_SECONDS)
        return digest


def while_hashing(request: Callable[[], T], rival: Callable[[], Any]) -> T:
    """What the request returns during whose next hash of a password the rival commits.

    The rival waits for nobody: were a row locked for the time of hashing, this would fail.
    """
    InterruptedHasher.rival = rival
    with override_settings(PASSWORD_HASHERS=["tests.support.back_office.concurrent_changes.InterruptedHasher"]):
        answer = request()
    assert InterruptedHasher.rival is None, "nothing was hashed"
    return answer


def while_waiting(request: Callable[[], T], rival: Callable[[], Any]) -> T:
    """What the request returns that has read its rows, and waits to lock or write them while the rival commits."""
    with transaction.atomic():
        rival()
        answer = elsewhere(request)
        assert wait_until_blocked(connection.connection, 1, answer), f"the request did not wait: {answer.result()}"
    return answer.result(timeout=MOST_SECONDS)


def elsewhere(work: Callable[[], T]) -> Future[T]:
    """Over a connection of its own, in a thread of its own."""

    def run() -> T:
        try:
            return work()
        finally:
            connection.close()

    with_one_thread = ThreadPoolExecutor(1)
    future = with_one_thread.submit(run)
    with_one_thread.shutdown(wait=False)
    return future
