"""The labels of metrics are bounded: what callers send makes no new one, and none names a person."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from prometheus_client import REGISTRY

from config.audit.event_titles import TITLES
from config.audit.log import audit
from tests.support.api.client import PASSWORD
from users.models import User

PATHS = (
    "",
    "users",
    "users/",
    "token",
    "warehouse-user-assignments/",
    "admin/",
    "admin/users/user/",
    "static/",
    "docs",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TEXTS = st.text(string.printable, max_size=12)


@pytest.fixture(scope="module", autouse=True)
def _counted() -> Iterator[None]:
    with override_settings(MIDDLEWARE=["config.telemetry.middleware.MetricsMiddleware", *settings.MIDDLEWARE]):
        yield


def names(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[str]:
    """The names of all URL patterns, with their namespaces."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        elif pattern.name:
            yield f"{space}{pattern.name}"


def labels() -> dict[str, set[str]]:
    """Name of a label → the values that it has."""
    found: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            if family.name.startswith("warehouse_"):
                for label, value in sample.labels.items():
                    found.setdefault(label, set()).add(value)
    return found


def count(name: str, **own: str) -> float:
    return REGISTRY.get_sample_value(name, own) or 0


@hypothesis.settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(
    method=st.one_of(st.sampled_from(METHODS), st.text(string.ascii_letters, min_size=1, max_size=12)),
    path=st.sampled_from(PATHS),
    rest=TEXTS,
    event=TEXTS,
    known=st.sampled_from(sorted(TITLES.values())),
)
def test_nothing_that_is_sent_or_logged_makes_a_new_label(
    transactional_db: None, method: str, path: str, rest: str, event: str, known: str
) -> None:
    with transaction.atomic():
        Client(raise_request_exception=False).generic(method, f"/{path}{rest}", headers={"X-Request-Id": rest})
        audit.warning(event or "?", tag=rest, username=rest)
        audit.warning(known, username=rest)
        transaction.set_rollback(True)

    found = labels()
    assert found.pop("route") <= {*names(get_resolver().url_patterns), "static", "other"}
    assert found.pop("method") <= {*METHODS, "other"}
    assert all(status.isdigit() and len(status) == 3 for status in found.pop("status"))
    assert found.pop("event") == {*TITLES, "other"}
    assert found == {
        "le": {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"},
        "grant": {"password", "authorization_code", "refresh_token", "client_credentials"},
        "kind": {"session", "warehouse", "client"},
        "active": {"true", "false"},
    }


def test_a_request_is_counted_by_the_name_of_its_pattern_and_a_sign_in_by_its_outcome(db: None, pat: User) -> None:
    request: dict[str, Any] = {"route": "token", "method": "POST", "status": "400"}
    names = ("warehouse_http_request_seconds_count", "warehouse_sign_ins_blocked_total")
    before = count(names[0], **request), count(names[1])
    form = {"grant_type": "password", "username": pat.email, "password": f"{PASSWORD}?"}

    statuses = [
        Client().post("/token", form, "application/json").status_code for _ in range(settings.SIGN_IN_FAILURES + 2)
    ]

    assert statuses == [400] * settings.SIGN_IN_FAILURES + [429] * 2
    assert count(names[0], **request) == before[0] + settings.SIGN_IN_FAILURES
    assert count(names[1]) == before[1] + 2
