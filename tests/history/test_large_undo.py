"""The undo of a change set that is too large for a request: a job lists what can be undone, and then does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from assignments.models import WarehouseUserAssignment
from config.history.positions import Operation
from config.spreadsheets.jobs import worker
from config.spreadsheets.jobs.queue import MAX_WAITING, take_next
from config.spreadsheets.models import Undo
from tests.support.back_office.history import (
    ask,
    change_set,
    go_on,
    last_change_set,
    plan_undo,
    preview,
    run_undo,
    tab,
    undo_url,
)
from tests.support.back_office.lost_rights import BLOCK, LOSSES, SIGN_OUT, committed, restored, stop
from tests.support.back_office.staff import change, told
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users.models import User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

rows = WarehouseUserAssignment.objects
CONFINED = "confined to warehouses"
LESS, NO_RIGHT = "of a role that may less", "You do not have the right to change this back."
STOPPED = (
    "This has stopped, and nothing was undone: the server was restarted, your rights were changed, "
    "or something went wrong."
)


@pytest.fixture(autouse=True)
def _small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What concerns more than one object is large."""
    monkeypatch.setattr("config.history.undo.pages.MAX_AT_ONCE", 1)


@pytest.fixture
def done(ada: User, pat: User, sam: User, north: Warehouse) -> Operation:
    """Two people with other names, one of whom is assigned."""
    with change_set(ada) as operation:
        User.objects.filter(pk__in=[pat.pk, sam.pk]).update(first_name="Renamed")
        rows.set_warehouses(pat, add=[north], remove=[])
    return operation


def page(browser: Client, job: Undo) -> Any:
    answer = browser.get(reverse("admin:undo_job", args=[job.pk]))
    assert answer.status_code == 200
    return answer


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def is_done() -> bool:
    """Whether all of it is undone; False if nothing is."""
    left = User.objects.filter(first_name="Renamed").count(), rows.count()
    assert left in [(2, 1), (0, 0)]
    return left == (0, 0)


def to_be_undone(person: User, done: Operation) -> Undo:
    """A job of which no thread knows, listed and about to undo: for tests whose rows others see."""
    job = run_undo(Undo.objects.begin(person=person, operation=str(done), language="en"))
    context = {"user": person.pk, "request_id": "undo", "client": "back-office", "reason": "by mistake"}
    assert job.restart(Undo.State.PLANNED, to=Undo.State.UNDOING, context=context)
    return job


# --- What happens -----------------------------------------------------------------------------------------------
def test_a_large_change_set_is_listed_first_and_then_undone_as_a_small_one_is(
    as_ada: Client, ada: User, pat: User, done: Operation, nothing_changes: Any
) -> None:
    with nothing_changes():
        answer = as_ada.get(undo_url(done))
    assert "These are 3 changes." in text(answer)
    job = plan_undo(as_ada, done)
    listed = page(as_ada, job)
    assert "3 changes will be undone" in text(listed)
    assert {one["subject"] for one in listed.context["preview"]["changes"]} >= {"pat.picker@example.test"}
    assert not is_done()

    answer = go_on(as_ada, job, change_reason="by mistake")
    assert "Waiting for other imports, exports and undos. Nothing has begun yet." in text(
        as_ada.get(answer["Location"])
    )
    job = run_undo(job)
    assert is_done()
    assert "3 changes were undone." in text(page(as_ada, job))
    newest = ask(as_ada, tab(pat))[0]
    assert page(as_ada, job).context["changes_url"] == newest.change_set == last_change_set(pat).url
    assert (newest.who, newest.through, newest.undoes) == (ada.email, "Back Office", str(done))
    assert newest.reason.startswith("Undo of the changes of ")
    assert newest.reason.endswith(": by mistake")
    assert told(as_ada.get(undo_url(done)))[0].startswith(f"This was undone by {ada.email}, ")


def test_it_can_be_undone_in_turn(as_ada: Client, pat: User, done: Operation) -> None:
    for operation, is_undone in ((done, True), (None, False)):
        job = plan_undo(as_ada, operation or last_change_set(pat))
        assert run_undo(go_on_after(as_ada, job)).state == Undo.State.UNDONE
        assert is_done() is is_undone


def go_on_after(browser: Client, job: Undo) -> Undo:
    go_on(browser, job)
    return job


def test_what_is_changed_after_the_list_is_left_out_and_said(
    as_ada: Client, as_manager: Client, sam: User, done: Operation
) -> None:
    job = plan_undo(as_ada, done)
    change(as_manager, User.objects.get(pk=sam.pk), first_name="Samuel")
    go_on(as_ada, job)
    answer = page(as_ada, run_undo(job))
    assert "2 changes were undone." in text(answer)
    (left,) = answer.context["preview"]["listed_left_out"]
    assert left["reasons"][0].startswith("Changed since. (mona.manager@example.test, ")
    assert left["reasons"][0] in text(answer)
    assert User.objects.get(pk=sam.pk).first_name == "Samuel"


@pytest.fixture
def in_german(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(language="de_DE")


def test_the_pages_of_an_undo_speak_german(in_german: None, as_ada: Client, done: Operation) -> None:
    assert "Bevor sie rückgängig gemacht werden, wird aufgelistet" in text(as_ada.get(undo_url(done)))
    job = plan_undo(as_ada, done)
    assert "Änderungen werden rückgängig gemacht" in text(page(as_ada, job))
    go_on(as_ada, job)
    assert "Wartet auf andere Importe, Exporte und Rücknahmen." in text(page(as_ada, job))
    assert "Änderungen wurden rückgängig gemacht." in text(page(as_ada, run_undo(job)))


def test_what_a_request_can_do_needs_no_job(as_ada: Client, pat: User) -> None:
    change(as_ada, pat, first_name="Patricia")
    assert preview(as_ada, last_change_set(pat)).done == 1
    assert not Undo.objects.exists()


# --- Clicks -----------------------------------------------------------------------------------------------------
def test_a_second_click_begins_nothing_more(as_ada: Client, sam: User, done: Operation) -> None:
    first, second = (as_ada.post(undo_url(done))["Location"] for _ in range(2))
    assert (first, Undo.objects.count()) == (second, 1)
    job = run_undo(Undo.objects.get())
    for _ in range(2):
        go_on(as_ada, job)
    job = run_undo(job)
    go_on(as_ada, job)
    job.refresh_from_db()
    assert (job.state, is_done()) == (Undo.State.UNDONE, True)
    assert [change.undoes for change in ask(as_ada, tab(sam))].count(str(done)) == 1


def test_nobody_undoes_what_the_page_did_not_list(as_ada: Client, done: Operation) -> None:
    """The second click on a page that has stopped finds the new list there, which its reader has not seen."""
    job = plan_undo(as_ada, done)
    for state in ("stopped", "undone", "planning", "", "x"):
        go_on(as_ada, job, state)
    job.refresh_from_db()
    assert (job.state, is_done()) == (Undo.State.PLANNED, False)


def test_of_two_people_who_undo_the_same_the_second_is_told_so(
    as_ada: Client, as_manager: Client, ada: User, manager: User, done: Operation
) -> None:
    jobs = [(browser, plan_undo(browser, done)) for browser in (as_ada, as_manager)]
    for browser, job in jobs:
        go_on(browser, job)
        run_undo(job)
    first, second = (text(page(browser, job)) for browser, job in jobs)
    assert "3 changes were undone." in first
    assert f"This was undone by {ada.email}, " in second
    assert is_done()


@committed
def test_of_two_jobs_at_the_same_moment_one_undoes(ada: User, manager: User, pat: User, done: Operation) -> None:
    jobs = [to_be_undone(person, done) for person in (ada, manager)]
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [pat.pk])
        runs = [start(run_undo, job) for job in jobs]
        wait_until_blocked(other, 2)
        other.rollback()
        states = sorted(run.result().state for run in runs)
    assert (states, is_done()) == ([Undo.State.STOPPED, Undo.State.UNDONE], True)


def test_one_more_than_may_wait_is_refused(as_ada: Client, ada: User, done: Operation) -> None:
    job = plan_undo(as_ada, done)
    for _ in range(MAX_WAITING):
        Undo.objects.begin(person=ada, operation="another", language="en")
    refused = [
        "5 of your imports, exports and undos are waiting already. Wait until one of them is done, then try again."
    ]
    assert told(as_ada.post(undo_url(done))) == refused
    assert told(go_on(as_ada, job)) == refused
    job.refresh_from_db()
    assert (job.state, Undo.objects.filter(operation=str(done)).count()) == (Undo.State.PLANNED, 1)


# --- Rights -----------------------------------------------------------------------------------------------------
def test_the_job_of_another_is_not_there(as_ada: Client, as_manager: Client, done: Operation) -> None:
    job = plan_undo(as_ada, done)
    for name in ("undo_job", "undo_progress"):
        assert as_manager.get(reverse(f"admin:{name}", args=[job.pk])).status_code == 404
    assert go_on(as_manager, job).status_code == 404
    job.refresh_from_db()
    assert job.state == Undo.State.PLANNED


@committed
def test_who_loses_the_right_before_it_begins_undoes_nothing(manager: User, done: Operation) -> None:
    for sql in [LOSSES[name] for name in LOSSES if name not in (LESS, CONFINED)] + [SIGN_OUT]:
        job = to_be_undone(restored(manager), done)
        stop(manager, sql)
        taken = take_next()
        assert taken == job
        worker.run(taken)
        job.refresh_from_db()
        assert (job.state, is_done()) == (Undo.State.STOPPED, False), sql
        assert AuditEvent.objects.latest("id").tag == "undo_refused"
        AuditEvent.objects.all().delete()


@committed
def test_who_is_confined_to_no_warehouse_by_then_undoes_nothing(manager: User, done: Operation) -> None:
    job = to_be_undone(restored(manager), done)
    stop(manager, LOSSES[CONFINED])
    assert (run_undo(job).state, is_done()) == (Undo.State.STOPPED, False)


@committed
def test_who_may_do_less_by_then_undoes_less(manager: User, done: Operation) -> None:
    job = to_be_undone(restored(manager), done)
    stop(manager, LOSSES[LESS])
    job = run_undo(job)
    assert {one["reasons"][0] for one in job.report["listed_left_out"]} == {NO_RIGHT}
    assert (User.objects.filter(first_name="Renamed").count(), rows.count()) == (2, 0)


@committed
def test_who_is_blocked_or_signed_out_everywhere_while_it_writes_undoes_nothing(
    manager: User, pat: User, done: Operation
) -> None:
    for sql in (BLOCK, SIGN_OUT):
        job = to_be_undone(restored(manager), done)
        with beside() as start, colleague() as other:
            other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [pat.pk])
            run = start(run_undo, job)
            assert wait_until_blocked(other, 1, run) == 1
            other.execute(sql.replace("now()", "clock_timestamp()"), [manager.pk])
            other.commit()
            job = run.result()
        assert (job.state, is_done()) == (Undo.State.STOPPED, False)
        assert AuditEvent.objects.latest("id").tag == "undo_refused"


# --- Crashes ----------------------------------------------------------------------------------------------------
def test_a_job_whose_process_died_says_so_and_is_begun_again_by_one_click(
    as_ada: Client, done: Operation, make_user: Callable[..., User]
) -> None:
    job = go_on_after(as_ada, plan_undo(as_ada, done))
    assert take_next() == job
    Undo.objects.filter(pk=job.pk).update(started_at=now() - timedelta(minutes=1))
    assert STOPPED in text(page(as_ada, job))
    go_on(as_ada, job, "stopped")
    assert "3 changes will be undone" in text(page(as_ada, run_undo(job)))
    assert not is_done()


def test_the_list_is_deleted_after_a_day_and_what_it_did_stays_in_the_history(as_ada: Client, done: Operation) -> None:
    job = run_undo(go_on_after(as_ada, plan_undo(as_ada, done)))
    Undo.objects.update(started_at=now() - timedelta(days=2))
    as_ada.get("/admin/users/user/import/")
    assert as_ada.get(reverse("admin:undo_job", args=[job.pk])).status_code == 404
    assert is_done()
