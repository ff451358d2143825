"""A site with one provider whose tokens a test may forge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.company_account.provider import Provider
from tests.support.back_office.staff import member
from tests.support.company_account.forger import Forger, Walk, serving
from tests.support.company_account.site import link, with_providers
from users.company_account import client
from users.models import User


@pytest.fixture(autouse=True)
def _asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RETRY_SECONDS", 0)


@pytest.fixture
def forger() -> Iterator[Forger]:
    with serving() as forger:
        yield forger


@pytest.fixture
def provided(settings: Any, forger: Forger) -> Callable[..., Provider]:
    """Sets up the provider with these settings."""

    def provide(**given: Any) -> Provider:
        provider = forger.provider(**given)
        with_providers(settings, provider)
        return provider

    return provide


@pytest.fixture
def walk(forger: Forger, db: None) -> Walk:
    return Walk(forger)


@pytest.fixture
def olive_there(forger: Forger, olive: User) -> User:
    """The Back Office user, who has an account at the provider."""
    member(olive, "Auditor")
    forger.claims = {"sub": "olive-1", "email": olive.email, "email_verified": True}
    return olive


@pytest.fixture
def linked(provided: Callable[..., Provider], olive_there: User) -> User:
    link(olive_there, provided(), "olive-1")
    return olive_there
