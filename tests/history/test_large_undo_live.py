"""A large undo on its way, over real HTTP: others are served, and a worker that is killed leaves nothing half."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from django.test import Client
from django.utils.timezone import now

from config.history.positions import Operation
from config.spreadsheets.models import Undo
from tests.support.api.client import PASSWORD
from tests.support.back_office.history import change_set, undo_url
from tests.support.servers import live
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS, until
from users.models import User

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]
PEOPLE = 1_001


def press(browser: httpx.Client, path: str, **form: str) -> str:
    """Sends the form of the page at this path, and returns the path that it leads to."""
    found = dict(re.findall(r'name="(csrfmiddlewaretoken|state)" value="([^"]+)"', browser.get(path).text))
    answer = browser.post(path, data=found | form, headers={"Referer": f"{browser.base_url}{path}"})
    assert answer.status_code == 200, answer.text[:500]
    return answer.url.raw_path.decode()


def many_people(by: User) -> Operation:
    people = [User(email=f"new.{number}@example.test", last_name="Many") for number in range(PEOPLE)]
    with change_set(by) as operation:
        User.objects.bulk_create(people)
    return operation


def test_others_are_served_while_it_undoes_and_a_killed_worker_leaves_nothing_half(
    tmp_path: Path, ada: User, as_ada: Client
) -> None:
    done, environment = many_people(ada), live.production_environment() | {"WORKERS": "1"}
    with (
        live.running(environment, tmp_path / "serve.log") as (main, url),
        httpx.Client(base_url=url, follow_redirects=True, timeout=MOST_SECONDS) as browser,
        psycopg.connect(live.database_url()) as other,
    ):
        press(browser, "/admin/login/", username=ada.email, password=PASSWORD)
        job = press(browser, undo_url(done))
        until(lambda: Undo.objects.get().state == Undo.State.PLANNED)
        other.execute("LOCK TABLE users_session IN SHARE MODE")  # it ends sessions
        press(browser, job)
        wait_until_blocked(other)
        assert browser.get("/admin/users/user/").status_code == 200
        assert browser.get(f"{job}progress/").json()["running"] is True
        for worker in live.workers_of(main):
            worker.kill()
    Undo.objects.update(started_at=now() - timedelta(minutes=1))  # it need not be waited for any longer
    until(lambda: "nothing was undone" in as_ada.get(job).content.decode())
    assert User.objects.filter(last_name="Many", status="active").count() == PEOPLE
