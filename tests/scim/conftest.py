"""A site that a company's directory provisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.support.scim.directory import Directory, register
from tests.support.stored_rows import Rows, stored_rows


@pytest.fixture
def directory(scim: None) -> Directory:
    """One that gives no role."""
    return Directory(*register())


#: Tables that requests write to whatever they do: audit events, failures of sign-in, and browsers' sessions.
_OTHERS = ("django_", "users_auditevent", "axes_")


def _everything() -> Rows:
    return stored_rows(name for name in connection.introspection.table_names() if not name.startswith(_OTHERS))


@pytest.fixture
def nothing_changes() -> Callable[[], Any]:
    """`with nothing_changes():` fails if any row was added, changed or removed inside, in the history, too."""

    @contextmanager
    def watch() -> Iterator[None]:
        before = _everything()
        yield
        assert _everything() == before

    return watch
