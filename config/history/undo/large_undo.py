"""The job of a large undo: plans it, and then does it, with the same result as a request."""

from __future__ import annotations

from typing import Any

import pghistory
from django.contrib.postgres.functions import TransactionNow
from django.db import transaction

from config.back_office.authority import AuthorityLostError
from config.history.positions import Operation
from config.history.undo.plan import may_undo
from config.history.undo.preview import Preview
from config.spreadsheets.models import Undo


def plan(job: Undo, beat: Any) -> None:
    """Works out what undoing would put back and leave out. Raises AuthorityLostError."""
    preview = _preview(job)
    preview.read()
    job.move(Undo.State.PLANNING, to=Undo.State.PLANNED, report=preview.report())


def undo(job: Undo, beat: Any) -> None:
    """Undoes all that is possible by now, or stops with the reason.

    Raises AuthorityLostError if the person loses a permission before the commit.
    """
    preview = _preview(job)
    with pghistory.context(**job.context), transaction.atomic():
        refusal = preview.undo(job.context["reason"])
        if not refusal:
            preview.list_first()
            result = {"report": preview.report(), "applied_at": TransactionNow()}
            job.move(Undo.State.UNDOING, to=Undo.State.UNDONE, **result)
            job.person.confirm_authority(job.asked_at or job.started_at)
    if refusal:
        job.move(Undo.State.UNDOING, to=Undo.State.STOPPED, report={"why": refusal})


def _preview(job: Undo) -> Preview:
    """Raises AuthorityLostError once the person was blocked or signed out everywhere, or may undo nothing."""
    operation, person = Operation.parse(job.operation), job.person
    if not (operation and may_undo(person) and person.has_authority(job.asked_at or job.started_at)):
        raise AuthorityLostError
    return Preview(operation, person)
