"""Who opens the pages of imports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from users.models import User


@pytest.fixture
def enter(olive: User, client: Client) -> Callable[..., Client]:
    """The Back Office as Olive, in the roles given."""

    def enter(*names: str, is_superuser: bool = False) -> Client:
        User.objects.filter(pk=olive.pk).update(is_superuser=is_superuser)
        olive.groups.set(Group.objects.filter(name__in=names))
        client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


@pytest.fixture
def admin(enter: Callable[..., Client]) -> Client:
    return enter(is_superuser=True)
