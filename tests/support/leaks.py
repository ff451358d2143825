"""No secret is written down: after each test, a look through the log lines and audit rows that it left.

What is secret is learnt from the traffic: `Overhearing` stands in front of the site and notes the passwords,
tokens, codes and cookies that go by. The logs of the servers of `tests.support.servers.live` are searched for whatever
looks like one.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.audit.log import MAX_CHARACTERS, json_formatter
from tests.support import underway

#: Members of bodies and fields of forms whose values nobody may write down.
SECRET = re.compile(r"password\d?|access_?token|refresh_?token|client_?secret|code|code_verifier|token", re.IGNORECASE)
#: Shorter ones, such as "x", are in every line.
_CHARACTERS = 8
#: So much of a value that is longer than a line takes is searched for (`config.audit.log.MAX_CHARACTERS`).
_BEGINNING = 80
#: Longer bodies are lists of rows, with no secrets among them.
_MOST_BYTES = 10_000
#: What gives a secret away wherever it was made: a key, a JWT, a refresh token (`users.models.oauth.refresh_token`).
_SHAPES = {
    "private key": re.compile(r"PRIVATE KEY"),
    "signed token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "refresh token": re.compile(r"\b(session|warehouse)\.[0-9a-f]{32}\.[0-9a-f]{64}"),
}
_WORD = re.compile(r"[\w.~+/=-]{20,}")


class Secrets:
    """Everything secret that was said in a test, each with its kind."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._words: dict[str, str] = {}
        self._phrases: dict[str, str] = {}

    def learn(self, kind: str, value: Any) -> None:
        """A long word is looked up; whatever could stand inside a word is searched for, and costs more."""
        if isinstance(value, str) and len(value) >= _CHARACTERS:
            (self._words if _WORD.fullmatch(value) else self._phrases)[value] = kind
            if len(value) > MAX_CHARACTERS and value.startswith("eyJ"):  # a line has a long token's beginning only
                self._phrases[value[:_BEGINNING]] = kind

    def learn_members(self, found: Any) -> None:
        """Of a JSON document, at any depth."""
        if isinstance(found, list):
            for one in found:
                self.learn_members(one)
        elif isinstance(found, dict):
            for name, value in found.items():
                if SECRET.fullmatch(name):
                    self.learn(name, value)
                else:
                    self.learn_members(value)

    def kinds_in(self, text: str) -> set[str]:
        """What kinds of secrets a text gives away."""
        shapes = {kind for kind, shape in _SHAPES.items() if shape.search(text)}
        words = {self._words[word] for word in _words_of(text) if word in self._words}
        return shapes | words | {kind for phrase, kind in self._phrases.items() if phrase in text}


def _words_of(text: str) -> Iterator[str]:
    """Long words, and their parts: a token may follow `token=`, or be followed by a full stop."""
    for word in _WORD.findall(text):
        yield word
        yield from (part.strip(".") for part in re.split("[=/]", word))


SECRETS = Secrets()


# --- Listening --------------------------------------------------------------------------------------------------
class Overhearing:
    """The outermost middleware of the tests. Looks at what others have read anyway, so that it changes nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with underway.request():
            response = self.get_response(request)
        _hear_request(request)
        _hear_answer(response)
        return response


def _hear_request(request: HttpRequest) -> None:
    for name, value in getattr(request, "_post", {}).items():
        if SECRET.fullmatch(name.rpartition("_")[2]) or SECRET.fullmatch(name):
            SECRETS.learn(name, value)
    SECRETS.learn("session cookie", request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    SECRETS.learn("Authorization header", request.headers.get("Authorization", "").partition(" ")[2])
    body = getattr(request, "_body", b"")
    if isinstance(body, bytes) and len(body) < _MOST_BYTES:
        SECRETS.learn_members(_read(body))
    if request.resolver_match is not None and request.resolver_match.kwargs.get("token") != "set-password":
        SECRETS.learn("link to a new password", request.resolver_match.kwargs.get("token"))


def _hear_answer(response: HttpResponseBase) -> None:
    if settings.SESSION_COOKIE_NAME in response.cookies:
        SECRETS.learn("session cookie", response.cookies[settings.SESSION_COOKIE_NAME].value)
    if (
        isinstance(response, HttpResponse)
        and "json" in response.get("Content-Type", "")
        and len(response.content) < 10_000
    ):
        SECRETS.learn_members(_read(response.content))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body.lstrip()[:1] in (b"{", b"[") else dict(parse_qsl(body.decode()))
    except (ValueError, RecursionError):
        return None


# --- Looking ----------------------------------------------------------------------------------------------------
class Lines(logging.Handler):
    """Every line as standard error would get it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(json_formatter())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture(autouse=True)
def no_secret_is_written(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """Fails the test whose lines or rows give a secret away."""
    has_rows = _has_rows(request)
    if has_rows:
        request.getfixturevalue("db")  # so that the rows are still there afterwards
    SECRETS.forget()
    lines = Lines()
    logging.getLogger().addHandler(lines)
    yield lines
    logging.getLogger().removeHandler(lines)
    found = list(leaks([*lines.written, *(rows() if has_rows else ())]))
    assert found == [], f"a secret was written down: {found[0][:300]}"


def _has_rows(request: pytest.FixtureRequest) -> bool:
    """Whether the test may use the database."""
    asked = {"db", "transactional_db", "live_server"}.intersection(request.fixturenames)
    return bool(asked) or request.node.get_closest_marker("django_db") is not None


def leaks(texts: list[str]) -> Iterator[str]:
    """Each text that gives a secret away, with the kind of secret."""
    for text in texts:
        if kinds := SECRETS.kinds_in(text):
            yield f"{', '.join(sorted(kinds))} in: {text}"


def rows() -> list[str]:
    """The audit rows there are, each as text."""
    from users.models.audit_event import AuditEvent

    return [json.dumps(row, default=str, ensure_ascii=False) for row in AuditEvent.objects.values()]
