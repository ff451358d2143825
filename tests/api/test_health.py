"""What load balancers ask: whether the process lives, and whether it can serve (`config/api/health.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config.api import health
from tests.support.api.client import Api
from tests.support.api.openapi import Document
from tests.support.servers.live import live_server, production_environment
from tests.support.servers.postgres import Cluster, cluster, standby
from tests.support.waiting import MOST_SECONDS
from users.models.oauth.signing_key import SigningKey
from users.oauth.key_ring import key_ring

pytestmark = pytest.mark.xdist_group("clusters")

PROBES = ["/health/live", "/health/live/", "/health/ready", "/health/ready/"]
LIVE, READY = {"status": "live"}, {"status": "ready"}
NO_DATABASE = "The database does not answer at the moment. Please try again."
NOT_MIGRATED = "The database lacks migrations of this version: run `manage.py migrate`."
READ_ONLY = "The database takes no changes: it is a standby, or read-only."
NO_KEY = "No signing key can be read with this `SECRET_KEY`: see `manage.py rotate_signing_key`."


@pytest.fixture(autouse=True)
def _memory(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test has seen applied, another asks anew; afterwards, the keys that other tests know are back."""
    monkeypatch.setattr(key_ring, "_keys", key_ring.keys)
    health.migrations_are_applied.cache_clear()
    yield
    health.migrations_are_applied.cache_clear()


@pytest.fixture(scope="session")
def document() -> Document:
    return Document(Client().get("/schema", {"format": "json"}).json())


def refusal(detail: str) -> tuple[int, str, Any]:
    """Status, `Retry-After` and body of an answer that says why the site cannot serve."""
    return 503, "1", [{"message": detail, "status": 503, "code": None}]


def told(answer: Any) -> tuple[int, str | None, Any]:
    return answer.status_code, answer.headers.get("Retry-After"), answer.json()


@pytest.mark.parametrize("path", PROBES)
def test_a_site_that_is_well_says_so(path: str) -> None:
    answer = Client().get(path)

    assert told(answer) == (200, None, LIVE if "live" in path else READY)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json", "no-store")


def test_living_is_answered_without_a_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert told(Client().get("/health/live")) == (200, None, LIVE)


def test_being_ready_costs_two_queries_once_migrations_were_seen(django_assert_num_queries: Any) -> None:
    Client().get("/health/ready")

    with django_assert_num_queries(2):
        assert told(Client().get("/health/ready")) == (200, None, READY)


def test_a_missing_migration_is_reported_until_it_is_applied() -> None:
    recorder = MigrationRecorder(connection)
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("assignments")
    recorder.record_unapplied(*newest)
    assert told(Client().get("/health/ready")) == refusal(NOT_MIGRATED)
    recorder.record_applied(*newest)
    assert told(Client().get("/health/ready")) == (200, None, READY)


def test_keys_that_this_secret_key_does_not_open_are_reported(settings: Any) -> None:
    before = list(SigningKey.objects.values_list("kid", flat=True))
    settings.SECRET_KEY = "another-" + "y" * 40
    assert told(Client().get("/health/ready")) == refusal(NO_KEY)
    assert list(SigningKey.objects.values_list("kid", flat=True)) == before
    assert told(Client().get("/health/live")) == (200, None, LIVE)


def test_a_new_database_gets_its_first_key_and_is_ready() -> None:
    SigningKey.objects.all().delete()
    assert told(Client().get("/health/ready")) == (200, None, READY)
    assert [key.is_readable for key in SigningKey.objects.all()] == [True]


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_may_name_any_host_and_come_without_tls(settings: Any, path: str) -> None:
    """Load balancers probe by address, from inside. Others still need the right name, and are sent to https."""
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["warehouse.example.test"], True
    assert Client(headers={"Host": "10.0.0.7:8000"}).get(path).status_code == 200
    assert Client(headers={"Host": "10.0.0.7:8000"}).get("/users", secure=True).status_code == 400
    assert Client(headers={"Host": "warehouse.example.test"}).get("/users").status_code == 301


@pytest.mark.parametrize("path", ["/health/live/x", "/health", "/health/readyx", "/x/health/live"])
def test_only_the_two_paths_are_excepted(settings: Any, path: str) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["warehouse.example.test"], True
    assert Client(headers={"Host": "10.0.0.7"}).get(path, secure=True).status_code == 400
    assert Client(headers={"Host": "warehouse.example.test"}).get(path).status_code == 301


def test_answers_are_those_that_the_document_describes(document: Document, settings: Any) -> None:
    document.check("GET", "/health/live", Api().get("/health/live"))
    document.check("GET", "/health/ready", Api().get("/health/ready"))
    settings.SECRET_KEY = "another-" + "y" * 40
    document.check("GET", "/health/ready", Api().get("/health/ready"))


def test_other_methods_are_refused_as_on_every_route() -> None:
    answer = Client().post("/health/ready")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json() == [{"message": "Method does not exist", "status": 405, "code": "008"}]


# --- With a database that takes no changes ------------------------------------------------------------------------
def test_a_read_only_database_is_reported(document: Document) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET transaction_read_only = on")
    answer = Api().get("/health/ready")
    assert told(answer) == refusal(READ_ONLY)
    document.check("GET", "/health/ready", answer)
    assert told(Client().get("/health/live")) == (200, None, LIVE)


# --- With a database that goes away -------------------------------------------------------------------------------
@pytest.fixture
def postgres() -> Iterator[Cluster]:
    with cluster(demo=True, fsync="off") as own:
        yield own


@pytest.mark.thorough
@pytest.mark.live
def test_a_server_without_its_database_lives_and_is_not_ready(postgres: Cluster, tmp_path: Path) -> None:
    environment = production_environment() | {"DATABASE_URL": postgres.url, "WORKERS": "1", "HTTPS": "true"}
    with live_server(environment, tmp_path / "log") as url, httpx.Client(base_url=url, timeout=MOST_SECONDS) as probe:
        assert told(probe.get("/health/ready")) == (200, None, READY)
        postgres.stop()
        assert told(probe.get("/health/ready")) == refusal(NO_DATABASE)
        assert told(probe.get("/health/live")) == (200, None, LIVE)
        postgres.start()
        assert told(probe.get("/health/ready")) == (200, None, READY)


@pytest.mark.thorough
@pytest.mark.live
def test_a_server_whose_database_becomes_a_standby_is_not_ready_until_that_is_promoted(
    postgres: Cluster, tmp_path: Path
) -> None:
    environment = production_environment() | {"DATABASE_URL": postgres.url, "WORKERS": "1"}
    with (
        live_server(environment, tmp_path / "log") as url,
        httpx.Client(base_url=url, timeout=MOST_SECONDS) as probe,
        standby(postgres) as copy,
    ):
        assert told(probe.get("/health/ready")) == refusal(READ_ONLY)
        assert told(probe.get("/health/live")) == (200, None, LIVE)
        with copy.operator() as connected:
            connected.execute("SELECT pg_promote()")  # which waits until it is
        assert told(probe.get("/health/ready")) == (200, None, READY)


@pytest.mark.thorough
@pytest.mark.live
def test_a_server_whose_database_is_made_read_only_is_not_ready_until_it_is_writable(
    postgres: Cluster, tmp_path: Path
) -> None:
    environment = production_environment() | {"DATABASE_URL": postgres.url, "WORKERS": "1"}
    with live_server(environment, tmp_path / "log") as url, httpx.Client(base_url=url, timeout=MOST_SECONDS) as probe:
        for setting, answer in (("on", refusal(READ_ONLY)), ("off", (200, None, READY))):
            with postgres.operator() as connected:
                connected.execute(f"ALTER DATABASE site SET default_transaction_read_only = {setting}")
                connected.execute(
                    "SELECT pg_terminate_backend(pid, 60_000) FROM pg_stat_activity WHERE datname = 'site'"
                )
            assert told(probe.get("/health/ready")) == answer
