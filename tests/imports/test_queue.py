"""Imports wait for their turn: one of a person runs at a time, and who waits is told so and holds nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from config.spreadsheets.jobs.queue import MAX_WAITING, QUEUE_LOCK, TooManyWaitingError, take_next
from config.spreadsheets.jobs.threads import Runner
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import USERS, upload
from tests.support.servers import live
from tests.support.servers.concurrency import wait_until_blocked
from tests.support.waiting import MOST_SECONDS, until
from users.models import User

CONTENT = b"email,first_name,last_name\nann.ames@example.test,Ann,Ames"
TOO_MANY = "5 of your imports, exports and undos are waiting already. Wait until one of them is done, then try again."


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


def begin(person: User) -> Import:
    return Import.objects.begin(
        person=person, kind="users.user", language="en", file_name="people.csv", content=CONTENT
    )


def send(client: Client) -> Any:
    return client.post(f"{USERS}import/", {"file": SimpleUploadedFile("people.csv", CONTENT)})


def end(job: Import) -> None:
    assert job.move(Import.State.CHECKING, to=Import.State.CHECKED)


@contextmanager
def lock_held(*numbers: int) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who holds an advisory lock."""
    with psycopg.connect(live.database_url(), autocommit=True) as other:
        arguments = ", ".join(f"hashint8({number})" if place else str(number) for place, number in enumerate(numbers))
        other.execute(f"SELECT pg_advisory_lock({arguments})")
        yield other


def in_thread(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connections.close_all()


# --- Whose turn it is -------------------------------------------------------------------------------------------
def test_of_one_person_one_import_runs_and_the_next_begins_when_it_has_ended(olive: User) -> None:
    first, second = begin(olive), begin(olive)
    assert take_next() == first
    assert take_next() is None
    end(first)
    assert take_next() == second


def test_whoever_has_many_imports_waiting_keeps_nobody_else_from_theirs(olive: User, pat: User) -> None:
    first, *_others = begin(olive), begin(olive), begin(olive)
    others = begin(pat)
    assert [take_next() for _ in range(3)] == [first, others, None]


def test_an_import_to_be_applied_waits_for_another_of_the_same_person(admin: Client, olive: User) -> None:
    job = upload(admin, USERS, CONTENT)
    running = begin(olive)
    assert take_next() == running
    admin.post(f"{USERS}import/{job.pk}/apply/")
    assert take_next() is None
    assert admin.get(f"{USERS}import/{job.pk}/progress/").json()["ahead"] == 1
    end(running)
    assert take_next() == job


def test_an_import_whose_process_died_keeps_the_next_one_waiting_no_longer(olive: User) -> None:
    dead, waiting = begin(olive), begin(olive)
    assert take_next() == dead
    Import.objects.filter(pk=dead.pk).update(started_at=timezone.now() - timedelta(minutes=1))
    assert take_next() == waiting
    dead.refresh_from_db()
    assert dead.state == Import.State.STOPPED


def test_an_import_that_waits_for_long_is_not_taken_for_dead(admin: Client, olive: User) -> None:
    job = begin(olive)
    Import.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(hours=1))
    assert admin.get(f"{USERS}import/{job.pk}/progress/").json()["running"] is True


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_take_at_the_same_moment_never_take_two_of_one_person(olive: User) -> None:
    first, _second = begin(olive), begin(olive)
    with ThreadPoolExecutor() as threads:
        with lock_held(QUEUE_LOCK) as other:
            taken = [threads.submit(in_thread, take_next) for _ in range(2)]
            wait_until_blocked(other, 2)
        assert {job.result() for job in taken} == {first, None}


# --- How many may wait ------------------------------------------------------------------------------------------
def test_one_more_than_a_person_may_have_waiting_is_refused_and_not_kept(admin: Client, olive: User) -> None:
    for _ in range(MAX_WAITING):
        assert send(admin).status_code == 302
    answer = send(admin)
    assert (answer.status_code, answer.context["form"].errors) == (200, {"file": [TOO_MANY]})
    assert TOO_MANY in answer.content.decode()
    assert Import.objects.count() == MAX_WAITING
    assert take_next()
    assert send(admin).status_code == 302


@pytest.mark.parametrize("step", ["apply", "again"])
def test_no_more_are_applied_or_checked_again_than_may_wait(admin: Client, olive: User, step: str) -> None:
    job = upload(admin, USERS, CONTENT)
    for _ in range(MAX_WAITING):
        begin(olive)
    answer = admin.post(f"{USERS}import/{job.pk}/{step}/", follow=True)
    assert TOO_MANY in answer.content.decode()
    job.refresh_from_db()
    assert (job.state, job.is_waiting) == (Import.State.CHECKED, False)


@pytest.mark.django_db(transaction=True)
def test_uploads_at_the_same_moment_are_counted_one_after_the_other(olive: User) -> None:
    for _ in range(MAX_WAITING - 1):
        begin(olive)
    with ThreadPoolExecutor() as threads:
        with lock_held(QUEUE_LOCK, olive.pk) as other:
            begun = [threads.submit(in_thread, lambda: begin(olive)) for _ in range(3)]
            wait_until_blocked(other, 3)
        refused = [job.exception() for job in begun if job.exception()]
    assert [type(error) for error in refused] == [TooManyWaitingError] * 2
    assert Import.objects.waiting().count() == MAX_WAITING


# --- What is told -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("language", "words", "label"),
    [
        (
            "en_US",
            "Waiting for other imports, exports and undos. Nothing has begun yet.",
            "Imports, exports and undos before this one:",
        ),
        (
            "de_DE",
            "Wartet auf andere Importe, Exporte und Rücknahmen. Noch hat nichts begonnen.",
            "Importe, Exporte und Rücknahmen davor:",
        ),
    ],
)
def test_the_page_says_that_an_import_waits_and_how_many_come_first(
    admin: Client, olive: User, pat: User, language: str, words: str, label: str
) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    begin(pat), begin(olive)
    assert take_next()
    job, _later = begin(olive), begin(pat)
    text = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert words in text
    assert f'{label} <span id="import-ahead">2</span>' in text
    assert admin.get(f"{USERS}import/{job.pk}/progress/").json() == {
        "running": True,
        "ahead": 2,
        "done": 0,
        "total": 0,
    }


# --- Who runs it ------------------------------------------------------------------------------------------------
def test_a_job_that_comes_while_the_last_thread_looks_for_one_is_not_forgotten() -> None:
    looks, done = iter([True, False]), threading.Event()

    def run_next() -> bool:
        if next(looks, None):
            runner.wake()  # as a request would, just after this look found nothing
        else:
            done.set()
        return False

    runner = Runner(run_next, 1)
    runner.wake()
    assert done.wait(MOST_SECONDS)


def test_no_more_jobs_run_at_a_time_than_a_process_may_run() -> None:
    begun, go_on, ended = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)
    waiting, running, most = [1, 2, 3, 4], [], []

    def run_next() -> bool:
        try:
            job = waiting.pop()
        except IndexError:
            return False
        running.append(job)
        most.append(len(running))
        begun.release()
        go_on.wait(MOST_SECONDS)
        running.remove(job)
        ended.release()
        return True

    runner = Runner(run_next, 2)
    for _ in range(4):
        runner.wake()
    assert all(begun.acquire(timeout=MOST_SECONDS) for _ in range(2))
    assert not begun.acquire(blocking=False)
    go_on.set()
    assert all(ended.acquire(timeout=MOST_SECONDS) for _ in range(4))
    assert max(most) == 2


@pytest.mark.django_db(transaction=True)
def test_whoever_looks_at_an_import_that_nobody_runs_lets_it_begin(admin: Client, olive: User) -> None:
    """The process that was to run it may be gone."""
    job = begin(olive)
    until(lambda: not admin.get(f"{USERS}import/{job.pk}/progress/").json()["running"])
    job.refresh_from_db()
    assert job.state == Import.State.CHECKED
