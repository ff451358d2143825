"""Driving the Back Office's pages of people in tests, and the staff who do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages
from django.test import Client

from users import roles
from users.models import User

LIST = "/admin/users/user/"
NEW_PASSWORD = "another-Horse-8!"


def group(name: str) -> Group:
    return Group.objects.get(name=name)


def make_role(name: str) -> None:
    """One of the shipped roles, with the rights that it has in the beginning."""
    rights = roles.named(map(".".join, roles.codenames(name)))
    Group.objects.get_or_create(name=name)[0].permissions.set(Permission.objects.filter(rights))


def member(user: User, *names: str) -> User:
    user.groups.set([group(name) for name in names])
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    """The one superuser."""
    return make_user("ada.admin@example.test", is_superuser=True)


@pytest.fixture
def as_ada(ada: User) -> Client:
    return signed_in(ada)


@pytest.fixture
def manager(make_user: Callable[..., User]) -> User:
    return member(make_user("mona.manager@example.test"), "Staff manager")


@pytest.fixture
def as_manager(manager: User) -> Client:
    return signed_in(manager)


def told(answer: Any) -> list[str]:
    """What the Back Office said in this answer; forgotten then, as by a page that shows it."""
    found = [str(message) for message in get_messages(answer.wsgi_request)]
    answer.client.cookies.pop("messages", None)
    return found


def rows(answer: Any) -> list[str]:
    """The e-mails on a list page, top to bottom."""
    return [row.email for row in answer.context["cl"].result_list]


def person(user: User, **changes: Any) -> dict[str, Any]:
    """The edit form as it would be sent, with some fields changed."""
    form = {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "status": user.status,
        "language": user.language,
        "groups": [one.pk for one in user.groups.all()],
        **({"is_warehouse_user": "on"} if user.is_warehouse_user else {}),
        **({"is_superuser": "on"} if user.is_superuser else {}),
    }
    return {name: value for name, value in (form | changes).items() if value is not None}


def change(client: Client, user: User, **changes: Any) -> Any:
    return client.post(f"{LIST}{user.pk}/change/", person(user, **changes))


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def bulk(client: Client, name: str, *people: User, **given: Any) -> Any:
    """From the list, over the page that asks, to the deed: as a browser would."""
    chosen = {"action": name.replace("-", "_"), "_selected_action": [one.pk for one in people], "index": 0}
    asked = client.post(LIST, chosen)
    assert asked.status_code == 200, told(asked)
    return client.post(f"{LIST}bulk/{name}/", {"people": asked.context["people"], "back": "", **given})


def switch(client: Client, user: User, name: str) -> Any:
    return client.post(f"{LIST}{user.pk}/switch/{name}/")
