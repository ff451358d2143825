"""Traces (`OTEL_EXPORTER_OTLP_ENDPOINT`): from nginx to SQL, without what clients send; and log lines with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from assignments.models import WarehouseUserAssignment
from config.web import request_context
from tests.support.api.client import PASSWORD
from tests.support.cases import each
from tests.support.servers import live
from tests.support.servers.nginx import temporary_proxy
from tests.support.servers.otlp import Receiver, Span, receiver
from tests.support.waiting import MOST_SECONDS, until
from users.models import User
from users.models.audit_event import AuditEvent

pytestmark = pytest.mark.thorough

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Traced(NamedTuple):
    """nginx, the server behind it, what arrives at the receiver, and the server's log."""

    proxy: str
    server: str
    received: Receiver
    log: Path

    def requests(self, number: int) -> list[Span]:
        """Those within the client's span `PARENT`, when so many have arrived."""
        return until(
            lambda: (
                found if len(found := [one for one in self.received.spans if one.parent == PARENT]) >= number else []
            )
        )

    def spans(self, trace: str, number: int) -> list[Span]:
        """Those of a trace, when so many have arrived."""
        return until(
            lambda: spans if len(spans := [one for one in self.received.spans if one.trace == trace]) >= number else []
        )


@pytest.fixture(scope="module")
def traced(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    with receiver() as received:
        own = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "WORKERS": "1"}
        environment = live.patient_environment() | own | {"VAR_DIR": str(folder / "var")}
        with (
            live.running(environment, folder / "serve.log") as (_, url),
            temporary_proxy(url.removeprefix("http://")) as proxy,
        ):
            yield Traced(proxy.url, url, received, folder / "serve.log")


def lines(log: Path, path: str) -> list[dict[str, str]]:
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if line.get("path") == path]


@pytest.mark.live
def test_a_trace_goes_from_nginx_through_the_site_to_sql(
    traced: Traced, transactional_db: None, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    with httpx.Client(base_url=traced.proxy, timeout=MOST_SECONDS) as client:
        form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
        token = client.post("/token", data=form).json()["access_token"]
        answer = client.get("/warehouse-user-assignments", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)

    name = "GET warehouse-user-assignments-list"
    (request,) = until(lambda: [one for one in traced.received.spans if one.name == name])
    assert request.parent == request.trace[:16], "nginx has begun the trace"
    assert request.attributes["http.response.status_code"] == "200"
    statements = [one for one in traced.spans(request.trace, 3) if one is not request]
    assert {(one.name, one.parent) for one in statements} == {("SELECT", request.id)}
    queries = [one.attributes["db.query.text"] for one in statements]
    assert any('FROM "users_session"' in query for query in queries), "a compiled query"
    assert traced.received.services == {"warehouse-user-management"}


@pytest.mark.live
def test_log_lines_name_the_trace_that_a_client_has_begun_and_spans_name_nobody(
    traced: Traced, transactional_db: None, pat: User
) -> None:
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "picked-7"}
    form = {"grant_type": "password", "username": pat.email, "password": f"{PASSWORD}?"}
    with httpx.Client(base_url=traced.proxy, timeout=MOST_SECONDS, headers=sent) as client:
        assert client.post("/token", data=form).status_code == 400
        assert client.get(f"/admin/reset/{pat.pk}/a-secret-token/?q={pat.email}").status_code == 302

    requests = traced.requests(2)
    spans = traced.spans(TRACE, 4)  # those of statements end, and arrive, before those of their requests
    assert {one.name for one in requests} == {"POST token", "GET password_reset_confirm"}
    assert {one.attributes["warehouse.request_id"] for one in requests} == {"picked-7"}
    written = repr(spans)
    assert [value for value in (pat.email, PASSWORD, "a-secret-token", "127.0.0.1") if value in written] == []
    assert {(line["trace_id"], line["request_id"]) for line in lines(traced.log, "/token")} >= {(TRACE, "picked-7")}
    (event,) = AuditEvent.objects.filter(tag="failed_login")
    assert event.details == {}


@pytest.mark.live
def test_health_probes_may_name_any_host(traced: Traced) -> None:
    answer = httpx.get(f"{traced.server}/health/live", headers={"Host": "10.0.0.7:80"}, timeout=MOST_SECONDS)

    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.live
def test_a_server_works_and_ends_without_a_receiver(transactional_db: None, tmp_path: Path) -> None:
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{live.free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    environment = live.patient_environment() | own | {"WORKERS": "1", "VAR_DIR": str(tmp_path / "var")}
    with live.live_server(environment, tmp_path / "serve.log") as url:
        assert httpx.get(f"{url}/users", timeout=MOST_SECONDS).status_code == 401


@each(
    ("sent", "named"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"cc-{TRACE}-{PARENT}-01-what-comes-later", TRACE),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}-01\n", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        ("", None),
    ],
)
def test_without_opentelemetry_the_header_names_the_trace_if_it_is_well_formed(sent: str, named: str | None) -> None:
    assert request_context.trace_id(RequestFactory().get("/", headers={"traceparent": sent})) == named


def test_missing_packages_are_named_before_anything_starts(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    monkeypatch.setattr("config.management.commands.serve.find_spec", lambda name: None)

    with pytest.raises(CommandError) as refusal:
        call_command("serve")

    assert str(refusal.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: run "
        "`.venv/bin/pip install --require-hashes -r requirements-tracing.txt`, or unset it."
    )
