"""What a warehouse user holds who has signed in, and the service that asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from assignments.models import WarehouseUserAssignment
from assignments.tokens.oauth import GrantToken
from tests.support.api.client import FORM, Api, sign_in
from tests.support.back_office.staff import signed_in
from users.models import Session, User
from users.models.oauth.client import Client

INACTIVE = {"active": False}


@dataclass
class Issued:
    """What a warehouse user holds who has signed in and asked for a warehouse token, and who looks at it."""

    row: WarehouseUserAssignment
    office: Browser
    service: dict[str, str]
    user_token: str
    refresh_token: str
    warehouse_token: str
    warehouse_refresh_token: str

    @property
    def pat(self) -> User:
        return User.objects.get(pk=self.row.user_id)

    @property
    def session(self) -> Session:
        return Session.objects.get(user=self.row.user_id)

    def introspected(self, token: str) -> Any:
        answer = post("/introspect", token=token, **self.service)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        return answer.json()


def post(path: str, **parameters: str) -> Any:
    return Browser().post(path, urlencode(parameters), content_type=FORM)


def holds(warehouse_token: str) -> bool:
    """Whether introspection would say so."""
    return GrantToken.of_access_token(warehouse_token) is not None


def service(client_id: str) -> dict[str, str]:
    """The credentials of a new confidential client."""
    client = Client(client_id=client_id, name=client_id.title(), is_confidential=True)
    secret = client.make_secret()
    client.save()
    return {"client_id": client_id, "client_secret": secret}


@pytest.fixture
def issued(ada: User, pat: User, pat_north: WarehouseUserAssignment) -> Issued:
    pat_north.activate()
    tokens = sign_in(pat.email)
    (warehouse,) = Api(tokens["access_token"]).post("/warehouse-tokens").json()
    return Issued(
        pat_north,
        signed_in(ada),
        service("picking"),
        tokens["access_token"],
        tokens["refresh_token"],
        warehouse["accessToken"],
        warehouse["refreshToken"],
    )
