"""The pages that show history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pghistory
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from config.history.changes import RecordedChange
from config.history.positions import OPERATION, Operation
from config.history.undo.preview import Preview
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Undo
from users.models import User

HISTORY = "/admin/history/"


def ask(browser: Client, path: str = HISTORY, **questions: Any) -> list[RecordedChange]:
    response = browser.get(path, questions)
    assert response.status_code == 200
    return response.context["changes"]


def said(change: RecordedChange) -> tuple[Any, ...]:
    return change.what, change.subject, [(one.label, one.before, one.after) for one in change.differences]


def tab(row: Any) -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/history/"


def last_change_set(row: Any) -> Operation:
    """The one of the newest event of this row."""
    event = type(row).pgh_event_model.objects.filter(pgh_obj=row.pk).latest("pgh_id")
    return Operation(event.pgh_created_at, event.pgh_context["request_id"])


def undo_url(operation: Operation) -> str:
    return reverse("admin:undo", query={OPERATION: str(operation)})


def preview(browser: Client, operation: Operation) -> Preview:
    """What the page of an undo shows."""
    answer = browser.get(undo_url(operation))
    assert answer.status_code == 200
    return answer.context["preview"]


def press_undo(browser: Client, operation: Operation, **form: str) -> Any:
    """The answer, with its own messages only."""
    browser.cookies.pop("messages", None)
    answer = browser.post(undo_url(operation), form)
    assert answer.status_code == 302
    return answer


# --- Large undos ------------------------------------------------------------------------------------------------
def plan_undo(browser: Client, operation: Operation) -> Undo:
    """Asks for the list of what can be undone, and lets the job make it, as its thread would."""
    answer = browser.post(undo_url(operation))
    assert answer.status_code == 302
    return run_undo(Undo.objects.get(pk=answer["Location"].split("/")[-2]))


def go_on(browser: Client, job: Undo, state: str = "planned", **form: str) -> Any:
    """Presses the button of the job's page that has shown this state."""
    return browser.post(reverse("admin:undo_job", args=[job.pk]), {"state": state, **form})


def run_undo(job: Undo) -> Undo:
    job = Undo.objects.select_related("person").get(pk=job.pk)
    worker.run(job)
    job.refresh_from_db()
    return job


@contextmanager
def change_set(author: User) -> Iterator[Operation]:
    """What is done in it is a change set of this person, as by a saved form."""
    request_id = uuid4().hex
    with (
        transaction.atomic(),
        pghistory.context(user=author.pk, request_id=request_id, client="back-office", reason=""),
    ):
        yield Operation(transaction_time(), request_id)


def transaction_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT transaction_timestamp()")
        return cursor.fetchone()[0]
