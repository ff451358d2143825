"""`manage.py serve`, as a process, over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.client import PASSWORD
from users.models import User

pytestmark = pytest.mark.live


def test_signs_people_in_over_real_http(live_url: str, transactional_db: None, pat: User) -> None:
    form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}

    answer = httpx.post(f"{live_url}/token", data=form)

    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
