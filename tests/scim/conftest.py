"""A site that a company's directory provisions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scim import urls
from tests.support.scim.directory import Directory, register


@pytest.fixture
def scim(settings: Any, db: None) -> None:
    """As `SCIM_ENABLED` does it."""
    settings.SCIM_ENABLED = True
    settings.ROOT_URLCONF = urls.__name__


@pytest.fixture
def directory(scim: None) -> Directory:
    """One that gives no role."""
    return Directory(*register())
