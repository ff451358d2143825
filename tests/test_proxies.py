"""What proxies in front say is believed from those that `TRUSTED_PROXIES` names, and from nobody else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.client import ASSIGNMENTS, PASSWORD, sign_in
from tests.live import live_server, production_environment
from users.models import Session, User

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("trusted", "scheme", "address"), [("127.0.0.1", "https", "203.0.113.9"), ("198.51.100.1", "http", "127.0.0.1")]
)
def test_forwarded_headers(olive: User, tmp_path: Path, trusted: str, scheme: str, address: str) -> None:
    token = sign_in(olive.email)["access_token"]
    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    environment = production_environment() | {"TRUSTED_PROXIES": trusted, "WORKERS": "1"}
    with live_server(environment, tmp_path / "log") as url, httpx.Client(base_url=url, headers=forwarded) as client:
        listed = client.get(ASSIGNMENTS, headers={"Authorization": f"Bearer {token}"}).json()
        assert listed["links"]["self"].startswith(f"{scheme}://127.0.0.1")
        credentials = {"grant_type": "password", "username": olive.email, "password": PASSWORD}
        assert client.post("/token", data=credentials).status_code == 200
    assert Session.objects.latest("created_at").address == address
