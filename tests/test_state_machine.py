"""Whatever several people do in whatever order, the API answers as the model of the contract does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.client import Api
from tests.issued import service
from tests.state_machine import World


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
    assert set(Site.answers) >= MUST_BE_SEEN


#: What the machine must have met, lest it agree about nothing.
MUST_BE_SEEN = {
    ("POST /warehouse-user-assignments", 201),
    ("POST /warehouse-user-assignments", 400),
    ("POST /warehouse-user-assignments", 401),
    ("POST /warehouse-user-assignments", 403),
    ("PATCH /warehouse-user-assignments/{uuid}", 200),
    ("PATCH /warehouse-user-assignments/{uuid}", 404),
    ("DELETE /warehouse-user-assignments/{uuid}", 204),
    ("DELETE /warehouse-user-assignments/{uuid}", 403),
    ("GET /warehouse-user-assignments/{uuid}", 200),
    ("GET /warehouse-user-assignments/{uuid}", 404),
    ("POST /warehouse-tokens", 201),
    ("POST /warehouse-tokens", 403),
    ("POST /token refresh_token", 200),
    ("POST /token refresh_token", 400),
    ("POST /token password", 400),
    ("POST /revoke", 200),
    ("POST /introspect", 200),
}

BOUNDED = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
