"""The page on which people are assigned."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client

from assignments.models import WarehouseUserAssignment
from users.models import User

MARKUP = "<img src=x onerror=alert(1)>"

UPDATED = "Warehouse user assignments are updated."


def staff(user: User, *actions: str) -> Client:
    """Signed in at the Back Office, with these rights on assignments, and seeing people."""
    codenames = ["view_user", *(f"{action}_warehouseuserassignment" for action in actions)]
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def rows(client: Client, url: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{url}rows/", query)
    assert answer.status_code == 200
    return answer.json()


def names(client: Client, url: str, **query: Any) -> list[str]:
    return [row["title"] for row in rows(client, url, **query)["rows"]]


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def events() -> Any:
    """The recorded changes of assignments."""
    tracked: Any = WarehouseUserAssignment
    return tracked.pgh_event_model.objects
