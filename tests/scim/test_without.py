"""Without `SCIM_ENABLED` nothing of SCIM is loaded: its libraries cost memory and time at each start."""

from __future__ import annotations

import pytest

from tests.support.loaded_modules import loaded

OURS = r"(scim2_\w+|pydantic|assignments[.]scim)$"


@pytest.mark.thorough
def test_nothing_of_it_is_loaded() -> None:
    assert loaded(OURS) == []


@pytest.mark.thorough
def test_with_it_something_is() -> None:
    assert loaded(OURS, SCIM_ENABLED="true") == ["assignments.scim", "pydantic", "scim2_models", "scim2_server"]
