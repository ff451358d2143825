"""Whatever several people do in whatever order, the API answers as the model of the contract does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.api.client import Api
from tests.support.oauth.held_tokens import service
from tests.support.state_machine.machine import MUST_BE_SEEN, World


@pytest.mark.django_db
def test_the_api_and_the_model_agree_after_each_step(settings: Any) -> None:
    settings.REFRESH_GRACE_SECONDS = 3600  # the machine's own pace decides nothing
    credentials = service("machine")

    class Site(World):
        service = credentials

        def send(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
            answer = Api(token).call(method, path, body)
            return answer.status_code, answer.json() if answer.content else None

    run_state_machine_as_test(Site, settings=BOUNDED)
    assert MUST_BE_SEEN - set(Site.answers) == set()


BOUNDED = settings(
    max_examples=10,
    stateful_step_count=70,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
