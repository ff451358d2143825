"""A database of release 0.1.0, made once: tests get copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.servers import first_release
from tests.support.servers.databases import new_database


@pytest.fixture(scope="session")
def signed_in_then(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The database `first_release` is there to be copied. The refresh token of a person who is signed in."""
    with new_database("first_release") as url, django_db_blocker.unblock():
        yield first_release.make(url)


@pytest.fixture(scope="module")
def first(signed_in_then: str) -> Iterator[str]:
    """A copy of it for all tests of a file."""
    with new_database("first", like="first_release") as url:
        yield url
