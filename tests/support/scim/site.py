"""A site with `SCIM_ENABLED`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scim import urls


@pytest.fixture
def scim(settings: Any, db: None) -> None:
    """As `config.settings` does it."""
    settings.SCIM_ENABLED = True
    settings.ROOT_URLCONF = urls.__name__
