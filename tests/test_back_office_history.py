"""History in the Back Office: a tab of each page and one searchable page, read only."""

from __future__ import annotations

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from users.models import User
from warehouses.models import Warehouse


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    """A browser with Olive in it, who may do everything."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_history_of_a_warehouse_is_shown(
    office: Client, north: Warehouse, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    response = office.get(f"/admin/warehouses/warehouse/{north.pk}/history/")
    assert response.status_code == 200
