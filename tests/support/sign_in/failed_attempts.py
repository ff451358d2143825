"""Wrong passwords, and the time that passes after them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from axes.models import AccessFailureLog
from django.db.models import F
from django.test import Client

from tests.support.api.client import FORM

WRONG = "wrong-Horse-7!"


def at_the_api(email: str, password: str = WRONG, address: str = "192.0.2.7") -> Any:
    body = urlencode({"grant_type": "password", "username": email, "password": password})
    return Client(REMOTE_ADDR=address).post("/token", body, content_type=FORM)


def at_the_back_office(email: str, password: str = WRONG, address: str = "192.0.2.7") -> Any:
    return Client(REMOTE_ADDR=address).post("/admin/login/", {"username": email, "password": password})


def asking_for_a_password(email: str, password: str = "", address: str = "192.0.2.7") -> Any:
    return Client(REMOTE_ADDR=address).post("/admin/password_reset/", {"email": email})


def pass_time(seconds: int) -> None:
    """Makes everything that was recorded so much older."""
    AccessFailureLog.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=seconds))
