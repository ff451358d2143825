"""A client of the API for the tests: speaks JSON:API and checks every document it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client

from tests.support.api.jsonapi import check_document

PASSWORD = "correct-Horse-7!"
JSON_API = "application/vnd.api+json"
FORM = "application/x-www-form-urlencoded"
ASSIGNMENTS = "/warehouse-user-assignments"


@dataclass
class Api:
    """Calls as one caller; `token` is an access token or None."""

    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, attributes: Any = None, **headers: str) -> Any:
        return self.call("POST", path, _document(attributes, with_type=True), **headers)

    def patch(self, path: str, attributes: Any = None, **headers: str) -> Any:
        return self.call("PATCH", path, _document(attributes), **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)

    def call(self, method: str, path: str, body: Any = None, content_type: str = JSON_API, **headers: str) -> Any:
        """Sends `body` as it is if it is bytes, else as JSON. A JSON:API answer is checked against the standard."""
        sent = {**self.headers, **headers}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        client = Client(raise_request_exception=False)
        answer = client.generic(method, path, data, content_type=content_type, headers=sent)
        if answer.get("Content-Type") == JSON_API and answer.content:
            check_document(answer.json())
        return answer


def _document(attributes: Any, *, with_type: bool = False) -> Any:
    if attributes is None:
        return None
    data = {"attributes": attributes}
    return {"data": {"type": "warehouse-user-assignments", **data} if with_type else data}


def sign_in(username: str, password: str = PASSWORD, **parameters: str) -> dict[str, Any]:
    """The answer of `POST /token` with the password grant."""
    body = {"grant_type": "password", "username": username, "password": password, **parameters}
    answer = Client().post("/token", urlencode(body), content_type=FORM)
    assert answer.status_code == 200, answer.content
    return answer.json()


def error(status: int, detail: str, code: str | None = None, **source: str) -> dict[str, Any]:
    """The error object that contract 0.1 promises."""
    document: dict[str, Any] = {
        "status": str(status),
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "message": detail,
    }
    return document | ({"code": code} if code else {}) | ({"source": source} if source else {})


NOT_FOUND = error(404, "Warehouse user assignment not found.", "5201")
UNAUTHORIZED = error(401, "Unauthorized request.")
INVALID_TOKEN = error(401, "Invalid access token.", "001")
MISSING_TOKEN = error(401, "Missing access token.", "002")
FORBIDDEN = error(403, "Unauthorized request.")


def refusal(answer: HttpResponse) -> list[dict[str, Any]]:
    """The error objects of an answer whose HTTP status is the first one's."""
    errors = json.loads(answer.content)["errors"]
    assert str(answer.status_code) == errors[0]["status"]
    return errors
