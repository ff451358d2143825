"""No token is refused while keys rotate: the real server, several processes of it, many clients, and bad luck."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import jwt
import pytest
from django.core.management import call_command
from jwt import PyJWKClient

from tests.support.api.client import ASSIGNMENTS, PASSWORD
from tests.support.servers import live
from tests.support.waiting import MOST_SECONDS
from users.models import User
from users.models.oauth.signing_key import SigningKey

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.drill, pytest.mark.django_db(transaction=True)]

CLIENTS = 16
#: In the short form and in the long one. Each takes two seconds.
ROTATIONS = {False: 2, True: 5}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server of four processes, whose clocks agree so well that a new key signs after two seconds."""
    environment = live.patient_environment() | {"WORKERS": "4", "CLOCK_SKEW_SECONDS": "1"}
    with live.live_server(environment, tmp_path / "serve.log") as url:
        yield url


@pytest.fixture
def crowd(url: str) -> Iterator[Crowd]:
    never_the_same = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, limits=never_the_same, timeout=MOST_SECONDS) as client:
        yield Crowd(client)


@pytest.fixture
def shorter_skew(settings: Any) -> None:
    """The command runs here, with the settings of this process."""
    settings.CLOCK_SKEW_SECONDS = 1


class Crowd:
    """Clients that sign in, refresh and call until it is over; each request may meet another process."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.is_over = Event()
        #: How often each kind of request got which status.
        self.answers: Counter[tuple[str, int]] = Counter()
        #: One token of each key.
        self.tokens: dict[str, str] = {}

    def send(self, what: str, method: str, path: str, token: str | None = None, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.client.request(method, path, headers=headers, **body)
        self.answers[what, answer.status_code] += 1
        return answer

    def has_token_of(self, kid: str) -> bool:
        return kid in self.tokens

    def live_on(self, email: str) -> None:
        """A day of work: sign in, then call and refresh, and once in a while begin anew."""
        while not self.is_over.is_set():
            form = {"grant_type": "password", "username": email, "password": PASSWORD}
            issued = self.send("sign in", "POST", "/token", data=form).json()
            for _ in range(8):
                token = issued["access_token"]
                self.tokens.setdefault(jwt.get_unverified_header(token)["kid"], token)
                self.send("call", "GET", ASSIGNMENTS, token)
                self.send("call", "GET", ASSIGNMENTS, token)
                form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
                issued = self.send("refresh", "POST", "/token", data=form).json()

    def forge(self) -> None:
        """Invented key ids, which make each process read its keys at any moment, also just before a new one comes."""
        forged = jwt.encode({}, "x" * 32, headers={"kid": "invented"})
        while not self.is_over.is_set():
            self.send("forged", "GET", ASSIGNMENTS, forged)


def test_no_token_is_refused_while_keys_rotate_under_load(
    url: str, crowd: Crowd, shorter_skew: None, make_user: Callable[..., User], whole: bool
) -> None:
    people = [make_user(f"p.{n}@example.test", is_warehouse_user=True) for n in range(CLIENTS)]

    with ThreadPoolExecutor(CLIENTS + 2) as threads:
        tasks = [threads.submit(crowd.live_on, person.email) for person in people]
        tasks += [threads.submit(crowd.forge) for _ in range(2)]
        try:
            rotate_again_and_again(crowd, tasks, ROTATIONS[whole])
        finally:
            crowd.is_over.set()

    published = PyJWKClient(f"{url}/.well-known/jwks.json")
    assert len(crowd.tokens) == ROTATIONS[whole] + 1
    for kid, token in crowd.tokens.items():  # also the oldest
        assert crowd.send("call", "GET", ASSIGNMENTS, token).status_code == 200
        assert jwt.decode(token, published.get_signing_key(kid), ["RS256"], audience="frontend")
    assert set(crowd.answers) == {("sign in", 200), ("call", 200), ("refresh", 200), ("forged", 401)}


def rotate_again_and_again(crowd: Crowd, tasks: list[Future[None]], rotations: int) -> None:
    """Each time as soon as the key before has signed."""
    wait_until(crowd.has_token_of, SigningKey.objects.get().kid, tasks)
    for _ in range(rotations):
        call_command("rotate_signing_key", "--now", verbosity=0)
        wait_until(crowd.has_token_of, SigningKey.objects.latest("created_at").kid, tasks)


def wait_until(has_token_of: Callable[[str], bool], kid: str, tasks: list[Future[None]]) -> None:
    """Fails with what a client met, if one has given up."""
    while not has_token_of(kid):
        for task in tasks:
            if task.done():
                task.result()
        time.sleep(0.05)
