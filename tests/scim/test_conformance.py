"""The conformance checks of scim2-tester, which knows nothing of this site but what it publishes about itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from tests.support.scim.directory import OURS, ROOT, Directory
from warehouses.models import Warehouse


@pytest.fixture
def client(directory: Directory) -> Iterator[Any]:
    """A client that has read the published schemas. The connection does not end with a request, as in Django's own."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    client = WSGISCIMClient(WSGIHandler(), base_url=f"http://testserver{ROOT}", headers=directory.headers)
    client.discover()
    yield client
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.thorough
def test_every_check_of_scim2_tester_passes(client: Any, north: Warehouse) -> None:
    """It makes up texts, which cannot be warehouses, and times, which are no texts: it is given some of these."""
    extension = client.provider.model_for(OURS)
    extension.model_fields["is_warehouse_user"].examples = [True]
    client.provider.model_for("User").get_field_root_type("emails").model_fields["primary"].examples = [True]
    extension.model_fields["language"].examples = ["de_DE"]
    extension.model_fields["warehouse_names"].examples = [north.name]
    assigned = extension.get_field_root_type("warehouses").model_fields
    assigned["value"].examples = [str(north.uuid)]
    for name, year in (("starts_at", 2020), ("ends_at", 2090)):
        assigned[name].examples = [datetime(year, 1, 1, tzinfo=UTC)]
    results = check_server(client)
    failed = [
        f"{one.title} {one.resource_type}: {one.reason} {one.data}" for one in results if one.status is Status.ERROR
    ]
    skipped = {one.title for one in results if one.status is Status.SKIPPED}
    assert (failed, skipped, len(results) > 50) == ([], set(), True)
