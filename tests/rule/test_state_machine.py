"""Whatever several people do in whatever order, the API answers as the model of the contract does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.support.api.client import Api
from tests.support.clock import Clock
from tests.support.oauth.held_tokens import service
from tests.support.state_machine.machine import MUST_BE_SEEN, MUST_BE_SEEN_IN_TIME, World

pytestmark = pytest.mark.thorough

#: Examples, and steps of each, in the short form and in the long one.
EXAMPLES = {False: 10, True: 22}
STEPS = {False: 90, True: 70}
#: So much of what must be seen comes too rarely for the short form. Of 90 steps, 0 or 1 was missing; of 60, 2 to 6.
#: What is drawn depends on the modules that a process has loaded, since hypothesis takes constants from them.
RARE = {False: 5, True: 0}


@pytest.mark.drill
@pytest.mark.django_db
def test_the_api_and_the_model_agree_after_each_step(clock: Clock, settings: Any, whole: bool) -> None:
    settings.REFRESH_GRACE_SECONDS = 3600  # the machine's own pace decides nothing
    credentials = service("machine")

    class Site(World):
        service = credentials

        def __init__(self) -> None:
            self.beginning = clock.now
            super().__init__()

        def move_clock(self, hours: int) -> None:
            clock.move(timedelta(hours=hours))

        def send(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
            answer = Api(token).call(method, path, body)
            return answer.status_code, answer.json() if answer.content else None

    run_state_machine_as_test(Site, settings=_bounds(whole))
    missing = (MUST_BE_SEEN | MUST_BE_SEEN_IN_TIME) - set(Site.answers)
    assert len(missing) <= RARE[whole], missing


def _bounds(whole: bool) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=EXAMPLES[whole],
        stateful_step_count=STEPS[whole],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
