"""A page does not map and unmap memory call by call, however deep the calls are from which it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from resource import RUSAGE_THREAD, getrusage
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)  # since a thread has a connection, and frames, of its own

#: Page faults of a list: each mapping of memory causes one. They were up to 2,400 in one thread, and are up to 740.
MOST_FAULTS = 1_200


def test_a_list_maps_no_memory_for_each_of_its_calls(as_ada: Client) -> None:
    User.objects.bulk_create(
        User(email=f"picker.{number}@example.test", first_name="Pat", last_name="Picker", is_warehouse_user=True)
        for number in range(50)
    )

    def faults() -> int:
        before = getrusage(RUSAGE_THREAD).ru_minflt
        assert as_ada.get("/admin/users/user/").status_code == 200
        return getrusage(RUSAGE_THREAD).ru_minflt - before

    def measure() -> dict[int, int]:
        faults()  # templates are compiled
        found = {frames: _below(frames, faults) for frames in range(0, 200, 10)}
        connection.close()
        return found

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(measure).result()
    assert max(found.values()) < MOST_FAULTS, found


def _below(frames: int, call: Callable[[], Any]) -> Any:
    """Calls it from so many frames deeper."""
    return _below(frames - 1, call) if frames else call()
