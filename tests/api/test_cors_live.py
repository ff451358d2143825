"""CORS over real HTTP, from the real server: what a browser is told, also while the database is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from django.db import connection

from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD, sign_in
from tests.support.servers.live import database_url, live_server, production_environment
from tests.support.waiting import MOST_SECONDS
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

APP = "https://app.example.test"
PARTNER = "https://picking.example.test:8443"
SIGN_IN = {"grant_type": "password", "username": "pat.picker@example.test", "password": PASSWORD}
WANTED = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def spare_database(db: None) -> Iterator[str]:
    """The URL of an empty database beside the tests' own, which may be taken away."""
    name = f"{connection.settings_dict['NAME']}_spare"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield urlsplit(database_url())._replace(path=f"/{name}").geturl()
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def take_away(url: str) -> None:
    """Ends every connection to a database, and lets nobody in again."""
    name = urlsplit(url).path[1:]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cursor.execute("SELECT pg_terminate_backend(pid, 60_000) FROM pg_stat_activity WHERE datname = %s", [name])


def register(url: str, origin: str) -> None:
    with psycopg.connect(url) as own:
        own.execute(
            "INSERT INTO users_client (client_id, name, redirect_uris, allowed_origins, is_confidential, secret_digest)"
            " VALUES ('partner', 'Picking', '{}', %s, false, '')",
            [[origin]],
        )


def readable_by(answer: httpx.Response) -> str | None:
    assert "origin" in answer.headers["Vary"].lower()
    return answer.headers.get("Access-Control-Allow-Origin")


def test_browsers_are_answered_with_the_database_and_without(spare_database: str, pat: User, tmp_path: Path) -> None:
    token = {"Authorization": f"Bearer {sign_in(pat.email)['access_token']}", "Content-Type": JSON_API}
    environment = production_environment() | {
        "DATABASE_URL": spare_database,
        "DEFAULT_CLIENT_ORIGINS": APP,
        "WORKERS": "1",
    }
    with (
        live_server(environment, tmp_path / "serve.log") as url,
        httpx.Client(base_url=url, timeout=MOST_SECONDS) as wire,
    ):
        register(spare_database, PARTNER)
        for origin in (APP, PARTNER):
            preflight = wire.options(ASSIGNMENTS, headers=WANTED | {"Origin": origin})
            assert (preflight.status_code, preflight.content, readable_by(preflight)) == (204, b"", origin)
            assert {"content-type", "content-length", "transfer-encoding"} & set(preflight.headers) == set()
            refused = wire.get(ASSIGNMENTS, headers=token | {"Origin": origin})  # nobody has signed in there
            assert (refused.status_code, readable_by(refused)) == (401, origin)
        take_away(spare_database)
        for origin in (APP, PARTNER):
            assert wire.options(ASSIGNMENTS, headers=WANTED | {"Origin": origin}).status_code == 204
            silent = wire.post("/token", data=SIGN_IN, headers={"Origin": origin})
            assert (silent.status_code, readable_by(silent), silent.headers["Retry-After"]) == (503, origin, "1")
            assert silent.headers["Access-Control-Expose-Headers"] == "Location, Retry-After"
