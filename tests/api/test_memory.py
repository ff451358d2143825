"""A request and its body are freed once it is answered, without a garbage collection.

Bodies of up to 1 MiB count for nothing in what makes Python collect: callers who send many would fill the memory.
"""

from __future__ import annotations

import gc
import json
import logging
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import RequestFactory

from tests.support.api.client import ASSIGNMENTS, JSON_API
from tests.support.cases import each
from tests.support.oauth.held_tokens import Issued

#: Django ends a request by closing a connection that is in a transaction.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("old_objects_set_apart")]

FORM = "application/x-www-form-urlencoded"
BIG = "x" * 900_000
ROW = json.dumps({"data": {"type": "warehouse-user-assignments", "attributes": {"isActive": True, "note": BIG}}})


@pytest.fixture
def old_objects_set_apart() -> None:
    """Late in a run they are so many that to go through them for each request takes seconds."""
    gc.collect()
    gc.freeze()


def _requests_left(handler: WSGIHandler, *asked: Any, **headers: Any) -> list[WSGIRequest]:
    """What is still there of a request when its answer has been sent."""
    environ = RequestFactory(headers=headers).generic(*asked).environ
    logging.disable()  # pytest keeps log records, which name their request
    gc.collect()
    gc.disable()
    try:
        answer = handler(environ, lambda status, sent, error=None: lambda data: None)
        assert b"".join(answer)
        answer.close()
        del answer
        return [thing for thing in gc.get_objects() if type(thing) is WSGIRequest and thing.environ is environ]
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


@each(
    "asked",
    [
        ("GET", ASSIGNMENTS),
        ("GET", f"{ASSIGNMENTS}?colour=blue"),
        ("POST", ASSIGNMENTS, "{" + BIG, JSON_API),
        ("POST", ASSIGNMENTS, ROW, JSON_API),
        ("PATCH", f"{ASSIGNMENTS}/{{uuid}}", ROW, JSON_API),
        ("POST", "/warehouse-tokens"),
        ("POST", "/token", f"grant_type={BIG}", FORM),
        ("POST", "/token", json.dumps({"grant_type": BIG}), "application/json"),
        ("POST", "/introspect", f"token={BIG}", FORM),
        ("POST", "/revoke", f"token={BIG}", FORM),
        ("POST", "/access/v1/evaluation", json.dumps({"subject": BIG}), "application/json"),
        ("POST", "/nowhere", BIG, "text/plain"),
    ],
)
def test_nothing_is_left_of_a_request(issued: Issued, asked: tuple[str, ...]) -> None:
    method, path, *body = asked
    handler, path = WSGIHandler(), path.format(uuid=issued.row.uuid)
    authorization = f"Bearer {issued.user_token}"
    _requests_left(handler, method, path, *body, authorization=authorization)  # caches are filled
    assert _requests_left(handler, method, path, *body, authorization=authorization) == []
