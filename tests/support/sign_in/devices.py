"""Browsers that a person has signed in with before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings as site
from django.test import Client

from tests.support.sign_in.failed_attempts import at_the_back_office
from tests.support.sign_in.login import log_in
from users.models import User

OFFICE = "192.0.2.7"


def browser() -> Client:
    return Client(REMOTE_ADDR=OFFICE)


def signed_out(client: Client) -> Client:
    """The browser as it is next morning: no session, and whatever cookies outlive it."""
    client.cookies.pop(site.SESSION_COOKIE_NAME, None)
    return client


def known_to(user: User) -> Client:
    client = browser()
    assert log_in(user.email, client=client).status_code == 302
    return signed_out(client)


def lock_out(email: str, by: Callable[..., Any] = at_the_back_office) -> None:
    """What a colleague at the office's address does."""
    for _ in range(9):
        by(email, address=OFFICE)
