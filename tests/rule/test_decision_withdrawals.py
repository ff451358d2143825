"""After a withdrawal was acknowledged, no server permits any more: 80 of them, 10,000 in the long form.

`tests/benchmarks/withdrawal.py` asks without a pause, and measures how late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db.models.functions import Now

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, PASSWORD
from tests.support.api.questions import ONE, question
from tests.support.oauth.held_tokens import service
from tests.support.servers.live import live_server, patient_environment
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.drill]
#: In eight ways, in turns.
WITHDRAWALS = {False: 80, True: 10_000}


@pytest.fixture
def servers(tmp_path: Path, django_db_setup: None) -> Iterator[list[httpx.Client]]:
    """Two, so that what one has answered is asked of the other."""
    with ExitStack() as stack:
        urls = [stack.enter_context(live_server(patient_environment(), tmp_path / f"{name}.log")) for name in "ab"]
        yield [stack.enter_context(httpx.Client(base_url=url, timeout=60)) for url in urls]


class Picker:
    """Somebody who is put to work and withdrawn, in one way after the other."""

    def __init__(self, user: User, here: Warehouse, elsewhere: Warehouse, office: httpx.Client) -> None:
        self.user, self.here, self.elsewhere, self.office = user, here, elsewhere, office
        self.row = self._assigned(here)
        self.other = self._assigned(elsewhere)
        self.ways: list[Callable[[], Any]] = [
            self.leaves, self.goes_elsewhere, self.is_deassigned, self.is_blocked, self.is_no_picker, self.is_dismissed,
            self.is_over, self.warehouse_closes,
        ]  # fmt: skip

    def _assigned(self, warehouse: Warehouse) -> WarehouseUserAssignment:
        return WarehouseUserAssignment.objects.assign(user_uuid=str(self.user.uuid), warehouse_uuid=str(warehouse.uuid))

    def works(self) -> None:
        """Everything is well again."""
        User.objects.filter(pk=self.user.pk).update(status="active", is_warehouse_user=True, employed_until=None)
        Warehouse.objects.filter(pk=self.here.pk).update(is_active=True)
        rows = WarehouseUserAssignment.objects.filter(user=self.user, warehouse=self.here)
        self.row = rows.first() or self._assigned(self.here)
        self.row.set_period(starts_at=None, ends_at=None)
        self.row.activate()

    # By the API
    def leaves(self) -> None:
        self._call("PATCH", self.row, {"isActive": False})

    def goes_elsewhere(self) -> None:
        self._call("PATCH", self.other, {"isActive": True})

    def is_deassigned(self) -> None:
        self._call("DELETE", self.row)

    def is_over(self) -> None:
        self._call("PATCH", self.row, {"startsAt": None, "endsAt": "2026-01-01T00:00:00Z"})

    def _call(self, method: str, row: WarehouseUserAssignment, attributes: Any = None) -> None:
        body = None if attributes is None else {"data": {"attributes": attributes}}
        self.office.request(method, f"{ASSIGNMENTS}/{row.uuid}", json=body).raise_for_status()

    # In the database
    def is_blocked(self) -> None:
        User.objects.filter(pk=self.user.pk).update(status="blocked")

    def is_no_picker(self) -> None:
        User.objects.filter(pk=self.user.pk).update(is_warehouse_user=False)

    def is_dismissed(self) -> None:
        User.objects.filter(pk=self.user.pk).update(employed_until=Now())

    def warehouse_closes(self) -> None:
        Warehouse.objects.filter(pk=self.here.pk).update(is_active=False)


def test_no_withdrawal_is_followed_by_a_permit(
    servers: list[httpx.Client], whole: bool, pat: User, olive: User, north: Warehouse, river: Warehouse
) -> None:
    office, asking = servers
    signed_in = office.post("/token", data={"grant_type": "password", "username": olive.email, "password": PASSWORD})
    office.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
    credentials = service("gate")
    asking.auth = (credentials["client_id"], credentials["client_secret"])
    picker, asked = Picker(pat, north, river, office), question(pat.uuid, north.uuid)
    permits: list[list[bool]] = []
    for _, withdraw in zip(range(WITHDRAWALS[whole]), cycle(picker.ways), strict=False):
        picker.works()
        before = asking.post(ONE, json=asked).json()["decision"]
        withdraw()
        permits.append([before, asking.post(ONE, json=asked).json()["decision"]])
    assert permits == [[True, False]] * WITHDRAWALS[whole]
