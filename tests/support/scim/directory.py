"""A company's directory that provisions people."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group
from django.test import Client as Browser

from users.models import Client, ClientRole

ROOT = "/scim/v2"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
OURS = "urn:ietf:params:scim:schemas:extension:warehouses:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def register(client_id: str = "contoso", roles: tuple[str, ...] = (), **fields: Any) -> tuple[Client, str]:
    """A client that may provision people and give these roles, and its secret."""
    client = Client(client_id=client_id, name="Contoso", is_confidential=True, **{"provisions_people": True} | fields)
    secret = client.make_secret()
    client.save()
    for name in roles:
        ClientRole.objects.create(client=client, role=Group.objects.get(name=name))
    return client, secret


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


class Directory:
    """Sends requests with a token of its own."""

    def __init__(self, client: Client, secret: str) -> None:
        self.client, self.secret = client, secret
        self.browser = Browser()
        answer = self.token()
        assert answer.status_code == 200, answer.content
        self.token_text = answer.json()["access_token"]

    def token(self, **given: str) -> Any:
        form = {"grant_type": "client_credentials", "client_id": self.client.client_id, "client_secret": self.secret}
        return self.browser.post("/token", urlencode(form | given), "application/x-www-form-urlencoded")

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response. A body is sent as SCIM's JSON."""
        sent = {"Authorization": f"Bearer {self.token_text}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, (str, bytes)) else "" if body is None else json.dumps(body)
        return self.browser.generic(method, ROOT + path, data, "application/scim+json", headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def find(self, text: str, kind: str = "Users") -> list[Any]:
        """The resources that this filter finds."""
        answer = self.browser.get(f"{ROOT}/{kind}", {"filter": text}, headers=self.headers)
        assert answer.status_code == 200, answer.content
        return list(answer.json().get("Resources", []))

    def search(self, text: str, count: int) -> Any:
        """The answer with at most so many that this filter finds."""
        return self.browser.get(f"{ROOT}/Users", {"filter": text, "count": str(count)}, headers=self.headers)

    def bulk(self, operations: list[dict[str, Any]]) -> Any:
        return self.send("POST", "/Bulk", {"schemas": [BULK], "Operations": operations})

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token_text}"}

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": operations}, **headers)

    def create(self, user_name: str = "jo.miller@example.test", /, **attributes: Any) -> Any:
        return self.send("POST", "/Users", person(user_name, **attributes))


def person(user_name: str = "jo.miller@example.test", /, **attributes: Any) -> dict[str, Any]:
    """A User as directories send it."""
    body = {
        "schemas": [USER],
        "userName": user_name,
        "name": {"givenName": "Jo", "familyName": "Miller"},
        "emails": [{"value": user_name, "type": "work", "primary": True}],
        "active": True,
    }
    return {name: value for name, value in (body | attributes).items() if value is not None}


def error(status: int, detail: str, scim_type: str | None = None) -> dict[str, Any]:
    """The whole body of an error (RFC 7644 section 3.12)."""
    body = {"schemas": [ERROR], "status": str(status), "detail": detail}
    return body | ({"scimType": scim_type} if scim_type else {})
