"""The whole API against its own OpenAPI document, as each kind of caller: thousands of generated requests.

No answer is a 5xx, none is outside the document, valid data is not refused and invalid data is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from string import ascii_lowercase
from typing import Any

import pytest
import requests
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections
from django.db.models import Count, Q
from django.test import Client as Browser
from schemathesis.transport.wsgi import WSGI_TRANSPORT

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import Api, sign_in
from tests.support.fuzzing.api import Caller, Known, Tally, fuzz, unanswered
from tests.support.oauth.held_tokens import service
from users.models import User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

#: Generated cases for each operation and caller. Those who may do something are sent whatever follows from the
#: document besides, as everybody is in `make endurance`; the others are refused before most of it is looked at.
CASES = 8
SEED = 1
#: At least so many requests of who is sent everything, and of who is not.
AT_LEAST = {True: 1_500, False: 150}


@contextmanager
def shared_application() -> Iterator[Callable[..., Any]]:
    """The application as Schemathesis' threads may call it: inside the transaction of the test.

    They wait for each other, and so one connection serves them all, as in Django's LiveServerTestCase; nor does it
    end with a request, as in Django's test client.
    """
    application, connection = get_wsgi_application(), connections["default"]

    def shared(environ: dict[str, Any], start_response: Any) -> Any:
        connections["default"] = connection
        return application(environ, start_response)

    connection.inc_thread_sharing()
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGI_TRANSPORT, "send", partial(_send, WSGI_TRANSPORT.send))
        yield shared
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)
    connection.dec_thread_sharing()


def _send(send: Any, case: Any, *, session: Any = None, **kwargs: Any) -> Any:
    """Schemathesis 4.32 sends the probes of `ignored_auth` without a session, and only with one drops what is of
    sockets alone (`max_redirects`), which werkzeug then refuses."""
    return send(case, session=session or requests.Session(), **kwargs)


@pytest.fixture
def known(make_user: Callable[..., User], assign: Callable[..., WarehouseUserAssignment]) -> Known:
    """Forty assignments of eight people, and twenty people who have none."""
    people = [make_user(f"worker.{letter}@example.test", is_warehouse_user=True) for letter in "abcdefgh"]
    places = [Warehouse.objects.create(name=f"Dock {number}", is_active=number != 5) for number in range(1, 6)]
    rows = [assign(person, place, is_active=place.name == "Dock 1") for person in people for place in places]
    newcomers = [
        make_user(f"newcomer.{letter}@example.test", is_warehouse_user=True) for letter in ascii_lowercase[:20]
    ]
    return Known(*([str(one.uuid) for one in those] for those in (rows, people, places, people + newcomers)))


def _office(make_user: Callable[..., User]) -> Caller:
    return Caller.with_token("Back Office user", sign_in(make_user("olive.fuzz@example.test").email)["access_token"])


def _worker(make_user: Callable[..., User]) -> Caller:
    return Caller.with_token("warehouse user", sign_in("worker.a@example.test")["access_token"])


def _warehouse_token(make_user: Callable[..., User]) -> Caller:
    (token,) = Api(sign_in("worker.b@example.test")["access_token"]).post("/warehouse-tokens").json()
    return Caller.with_token("warehouse token", token["accessToken"])


def _client(make_user: Callable[..., User]) -> Caller:
    return Caller.with_secret("confidential client", *service("fuzzing").values())


def _nobody(make_user: Callable[..., User]) -> Caller:
    return Caller("nobody")


@pytest.mark.parametrize(
    ("kind", "everything"),
    [(_office, True), (_worker, True), (_warehouse_token, False), (_client, False), (_nobody, False)],
)
def test_the_api_keeps_to_its_document(
    kind: Callable[..., Caller], everything: bool, make_user: Callable[..., User], known: Known
) -> None:
    document = Browser().get("/schema", {"format": "json"}).json()
    caller = kind(make_user)
    with shared_application() as shared:
        tally = fuzz(document, caller, known, cases=CASES, seed=SEED, application=shared, everything=everything)
    assert tally.problems == []
    assert sum(tally.cases.values()) >= AT_LEAST[everything]
    assert list(unanswered(caller.name, tally)) == []
    assert {status for status in tally.statuses if status >= 500} <= {501}
    standing = Count("assignments", filter=Q(assignments__is_active=True))
    assert not User.objects.annotate(standing=standing).filter(standing__gt=1).exists()


@pytest.mark.parametrize("late", [0, 40])
def test_a_sign_in_that_ends_early_is_noticed(late: int) -> None:
    tally = Tally()
    tally.answers["GET /users"] = 60 * [200] + late * [401]
    problems = [problem for problem in unanswered("warehouse user", tally) if problem.startswith("GET /users:")]
    assert problems == ([f"GET /users: no 200 in the last 25 of 100 answers: {Counter({401: 25})}"] if late else [])
