"""Questions to the AuthZEN API: may this person work in this warehouse?"""

from __future__ import annotations

from typing import Any

from tests.support.api.client import Api
from tests.support.oauth.code_flow import basic

ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"
JSON = "application/json"


def question(person: Any, warehouse: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "person", "id": str(person)},
        "action": {"name": "work"},
        "resource": {"type": "warehouse", "id": str(warehouse)},
    }


def gate(client_id: str, client_secret: str) -> Api:
    """Calls as a confidential client."""
    return Api(headers={"Authorization": basic(client_id, client_secret)})


def told(gate: Api, asked: Any, path: str = ONE) -> Any:
    """The answer, which no cache keeps."""
    answer = gate.call("POST", path, asked, content_type=JSON)
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (200, JSON, "no-store")
    return answer.json()
