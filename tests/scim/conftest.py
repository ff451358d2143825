"""A site that a company's directory provisions."""

from __future__ import annotations

import pytest

from tests.support.scim.directory import Directory, register


@pytest.fixture
def directory(scim: None) -> Directory:
    """One that gives no role."""
    return Directory(*register())
