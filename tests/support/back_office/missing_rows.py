"""Whether a row that somebody may not see is answered as one that does not exist: all texts, and all statements."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import snapshot
from tests.support.api.permissions import undone

NO_KEY, NO_UUID = 9_999_999, UUID("01234567-89ab-4cde-8f01-23456789abcd")
#: What is new in every answer, and the present minute below a list.
_NEW = re.compile(r'(csrfmiddlewaretoken" value=|nonce=|csrfToken": )"[^"]+"|<p>[\d/]+ \d\d:\d\d</p>')
#: Values in statements.
_VALUES = re.compile(r"'[^']*'(::\w+)?|\b\d+\b")


def assert_as_missing(ask: Callable[[Any], Any], row: Any) -> Any:
    """`ask` sends a request about a row. Nothing is changed by it. Returns the answer."""
    before = snapshot()
    found, answer = _told(ask, row)
    expected, _answer = _told(ask, type(row)(pk=NO_KEY, uuid=NO_UUID))
    for key in ("pk", "uuid"):
        missing = str({"pk": NO_KEY, "uuid": NO_UUID}[key])
        expected = [text.replace(missing, str(getattr(row, key))) for text in expected]
    for told, meant in zip(found, expected, strict=True):
        assert told == meant
    assert snapshot() == before
    return answer


def _told(ask: Callable[[Any], Any], row: Any) -> tuple[list[str], Any]:
    with undone(), CaptureQueriesContext(connection) as queries:
        answer = ask(row)
    messages = [str(message) for message in get_messages(answer.wsgi_request)]
    texts = [str(answer.status_code), answer.headers.get("Location", ""), answer.content.decode(), *messages]
    statements = [_VALUES.sub("?", query["sql"]) for query in queries if "SAVEPOINT" not in query["sql"]]
    answer.client.cookies.pop("messages", None)
    return [*(_NEW.sub("", text) for text in texts), *statements], answer
