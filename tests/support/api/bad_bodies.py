"""Requests that nobody should send, and what must come of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.http import HttpResponse

from tests.support.api.client import JSON_API, error, refusal

Watch = Callable[[], AbstractContextManager[None]]

NOT_A_DOCUMENT = error(400, "The body must be a JSON object with a `data` object.", pointer="")

TOO_LARGE = error(413, "The request body is larger than this server accepts.")


def refused(answer: HttpResponse, *errors: dict[str, Any]) -> None:
    """The whole answer: status, type, no challenge, and exactly these errors in this order."""
    assert answer["Content-Type"] == JSON_API
    assert "WWW-Authenticate" not in answer
    assert refusal(answer) == list(errors)
