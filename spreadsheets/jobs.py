"""Checks and applies imports, and builds exports, in threads beside the requests: the server goes on serving.

One job of a person runs at a time, and two in each process that serves. The next waits as a row of its table, and
whichever process is free takes it.

Applying is one transaction; how far a job is goes out over a second connection, beside it. That connection also holds
a lock which vanishes with the process, so that everybody sees when a job has died. Nothing is applied then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pghistory
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import QueryDict
from django.utils import translation
from django.utils.translation import gettext as _

from config.authority import AuthorityLostError
from config.logs import audit
from spreadsheets import exports, files
from spreadsheets.files import Sheet
from spreadsheets.models import Export, Import
from spreadsheets.queue import Job, take_next
from spreadsheets.reports import Report
from spreadsheets.resources import SheetResource
from spreadsheets.runner import Runner

_log = logging.getLogger(__name__)
#: Held by whoever applies: one import at a time, so that two never wait for each other.
_ONE_AT_A_TIME = 4_711_000
#: Most jobs that one process runs at a time.
MAX_RUNNING = 2


def start() -> None:
    """Lets a job that waits run as soon as its turn comes, and the transaction that made it is committed."""
    transaction.on_commit(_runner.wake)


def _run_next() -> bool:
    job = take_next()
    if job:
        run(job)
    return job is not None


_runner = Runner(_run_next, MAX_RUNNING)


def run(job: Job) -> None:
    """Does what the job's state says. Whatever goes wrong, it ends in a state in which people can go on."""
    with translation.override(job.language), _heartbeat(job) as beat:
        job.refresh_from_db(fields=["state"])
        try:
            if step := _STEPS.get(job.state):  # in any other, somebody took it for dead before it began
                step(job, beat)
        except AuthorityLostError:
            _refuse(job)
        except Exception:
            _log.exception("A job stopped")
            _stop(job)


def _refuse(job: Job) -> None:
    details = {"user_uuid": str(job.person.uuid), "kind": job.kind}
    if isinstance(job, Export):
        audit.warning("Export Refused", **details)
    else:
        audit.warning("Import Refused", **details)
    _stop(job)


def _stop(job: Job) -> None:
    job.refresh_from_db(fields=["state"])
    if job.is_running:
        job.move(job.state, to=job.STOPPED)


def _check(job: Import, beat: Any, *notes: str) -> None:
    report = Report(notes=[*notes])
    job.fault_pages.all().delete()
    resource = resource_of(job.kind)(job.person)
    for _batch in _go_through(job, report, beat, lambda sheet: resource.run(sheet, report)):
        job.keep_faults(report.take_pages())
    job.keep_faults(report.take_pages(is_last=True))
    job.move(Import.State.CHECKING, to=Import.State.CHECKED, report=report.to_json(), rows_total=report.rows)


def _apply(job: Import, beat: Any) -> None:
    """Applies what was shown, and only that: if it would do anything else by now, shows that instead.

    Raises AuthorityLostError if the person may not import any more, up to the commit.
    """
    report, resource = Report(), resource_of(job.kind)(job.person, is_applied=True)
    deque(_go_through(job, report, beat, resource.make_ready), maxlen=0)  # passwords take minutes: nobody waits yet
    with pghistory.context(**job.context), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        for _batch in _go_through(job, report, beat, lambda sheet: resource.run(sheet, report)):
            if not report.is_sound:
                break
        applied = report.is_sound and report.plan == job.report.get("plan")
        if applied:
            job.move(Import.State.APPLYING, to=Import.State.APPLIED, report=report.to_json())
            connection.check_constraints()  # not at the commit: the person is held for a moment only
            job.person.confirm_authority(job.asked_at or job.started_at)
        else:
            transaction.set_rollback(True)
    if applied:
        counts = {"created": report.created_rows, "changed": report.changed_rows}
        audit.info("Import Applied", user_uuid=str(job.person.uuid), kind=job.kind, **counts)
    elif job.move(Import.State.APPLYING, to=Import.State.CHECKING):
        _check(job, beat, _("Someone has changed the data since you looked. Nothing was applied: look again."))


def _go_through(job: Import, report: Report, beat: Any, work: Callable[[Sheet], Iterator[int]]) -> Iterator[None]:
    """Does this with the file, batch by batch; what is wrong with the file goes into the report.

    Raises AuthorityLostError as soon as the person may not import any more.
    """
    _stay_allowed(job)
    try:
        sheet = files.read(job.read(), resource_of(job.kind).known_headings())
        for done in work(sheet):
            beat(done, sheet.size or job.rows_total)
            _stay_allowed(job)
            yield
    except ValidationError as error:
        report.problems += error.messages


def _stay_allowed(job: Import) -> None:
    if not job.may_go_on:
        raise AuthorityLostError


def _build(job: Export, beat: Any) -> None:
    """Makes the file of the rows that the list shows its person now, by the query string of when they asked.

    Raises AuthorityLostError once they may not export any more, and TooManyRowsError if rows were added since they were
    counted.
    """
    page, name = _page_of(job.kind), job.file_name
    resource, rows = page.sheet(job.person), page.rows_for(job.person, QueryDict(job.query))
    content = exports.build(
        resource, rows, name, exports.kind_of(name), job.created_at, lambda done: beat(done, job.rows_total)
    )
    job.move(Export.State.BUILDING, to=Export.State.READY, content=job.sealed(content))


#: What is to be done in each state.
_STEPS: dict[str, Callable[[Any, Any], None]] = {
    Import.State.CHECKING: _check,
    Import.State.APPLYING: _apply,
    Export.State.BUILDING: _build,
}


def resource_of(kind: str) -> type[SheetResource]:
    """The resource that the Back Office uses for a model, by its label."""
    return _page_of(kind).sheet


def _page_of(kind: str) -> Any:
    """The admin of a model, by its label."""
    return admin.site.get_model_admin(apps.get_model(kind))


@contextmanager
def _heartbeat(job: Job) -> Iterator[Any]:
    """Gives a function that tells everybody how far the job is, past the transaction that is open."""
    beside = connection.copy()
    with closing(beside), beside.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [job.lock])

        def beat(done: int, total: int) -> None:
            table = job._meta.db_table
            sql = f"UPDATE {table} SET rows_done = %s, rows_total = %s WHERE id = %s"  # noqa: S608 (our own name)
            cursor.execute(sql, [done, total and max(total, done), job.pk])

        yield beat
