"""Runs jobs in worker threads of the server process: checks and applies imports, builds exports, undoes change sets.

Each server process runs up to `MAX_RUNNING` jobs. The others wait in the queue (`config.spreadsheets.jobs.queue`).

Applying is one transaction. A second connection reports progress during it and holds an advisory lock, which
PostgreSQL releases if the process crashes; the transaction is then rolled back.
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
from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import QueryDict
from django.utils import translation
from django.utils.translation import gettext_lazy

from config.audit.log import audit
from config.back_office.authority import AuthorityLostError
from config.database.sql import row_of
from config.history.undo import large_undo
from config.spreadsheets.jobs.queue import Job, take_next
from config.spreadsheets.jobs.threads import Runner
from config.spreadsheets.models import Export, Import, Undo
from config.spreadsheets.reading import files
from config.spreadsheets.reading.files import Sheet, SheetRefusedError
from config.spreadsheets.reports import Report
from config.spreadsheets.resources import SheetResource
from config.spreadsheets.writing import exports

_log = logging.getLogger(__name__)
#: Advisory lock of the import that is applied: one at a time, so that two imports cannot deadlock.
_APPLY_LOCK = 4_711_000
#: Most jobs that one server process runs at a time.
MAX_RUNNING = 2
_CHANGED_SINCE = gettext_lazy("Someone has changed the data since you looked. Nothing was applied: look again.")


def start() -> None:
    """Wakes the worker threads once the transaction that made the job is committed."""
    transaction.on_commit(_runner.wake)


def _run_next() -> bool:
    job = take_next()
    if job:
        run(job)
    return job is not None


_runner = Runner(_run_next, MAX_RUNNING)


def run(job: Job) -> None:
    """Runs the step of the job's state. After any error the job is `STOPPED`, and the person can start it again."""
    with translation.override(job.language), _heartbeat(job) as beat:
        job.refresh_from_db(fields=["state"])
        try:
            if step := _STEPS.get(job.state):  # none if the job was stopped before it began
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
    elif isinstance(job, Undo):
        audit.warning("Undo Refused", user_uuid=details["user_uuid"])
    else:
        audit.warning("Import Refused", **details)
    _stop(job)


def _stop(job: Job) -> None:
    job.refresh_from_db(fields=["state"])
    if job.is_running:
        job.move(job.state, to=job.STOPPED)


def _check(job: Import, beat: Any, *notes: str) -> None:
    # A check that is cut short knows no sheets: those of the former one are still those of the file.
    report = Report(notes=[*notes], sheets=job.report.get("sheets", []))
    _run_rows(job, report, _resource(job, is_applied=False), beat)
    result = {"report": report.to_json(), "rows_total": report.rows, "sheet_name": job.sheet_name}
    job.move(Import.State.CHECKING, to=Import.State.CHECKED, **result)


def _apply(job: Import, beat: Any) -> None:
    """Applies exactly the changes of the check, without rows that have faults if the person chose so.

    If the data was changed since, or the database refuses it, checks again, says why, and applies nothing. Raises
    AuthorityLostError if the person loses the permission before the commit.
    """
    report, resource = Report(), _resource(job, is_applied=True)
    deque(_process(job, report, beat, resource.load_rows), maxlen=0)  # hashes passwords for minutes, without a lock
    with pghistory.context(**job.context), transaction.atomic():
        row_of("SELECT pg_advisory_xact_lock(%s)", _APPLY_LOCK)
        applied = _run_rows(job, report, resource, beat) and report.plan == job.report.get("plan")
        if applied:
            left_out = job.sealed(exports.compressed(resource.left_out)) if report.faulty_rows else b""
            result = {"report": report.to_json(), "content": left_out, "applied_at": TransactionNow()}
            job.move(Import.State.APPLYING, to=Import.State.APPLIED, **result)
            connection.check_constraints()  # before the person is locked, not at the commit
            job.person.confirm_authority(job.asked_at or job.started_at)
        else:
            transaction.set_rollback(True)
    if applied:
        counts = {"created": report.created_rows, "changed": report.changed_rows}
        audit.info("Import Applied", user_uuid=str(job.person.uuid), kind=job.kind, **counts)
    elif job.move(Import.State.APPLYING, to=Import.State.CHECKING):
        _check(job, beat, *(report.problems or [str(_CHANGED_SINCE)]))


def _run_rows(job: Import, report: Report, resource: SheetResource, beat: Any) -> bool:
    """Checks or writes the rows, and stores their faults. Returns whether the rows may be applied.

    Writing ends at faults that forbid it.
    """
    job.fault_pages.all().delete()
    for _batch in _process(job, report, beat, lambda sheet: resource.run(sheet, report)):
        job.store_faults(report.pop_pages())
        if resource.is_applied and not report.is_applicable(leaves_out_faulty=job.leaves_out_faulty):
            break
    job.store_faults(report.pop_pages(is_last=True))
    return report.is_applicable(leaves_out_faulty=job.leaves_out_faulty)


def _resource(job: Import, *, is_applied: bool) -> SheetResource:
    return resource_of(job.kind)(
        job.person,
        is_applied=is_applied,
        ignored=job.ignored_columns,
        replacements=job.replacements,
        leaves_out_faulty=job.leaves_out_faulty,
    )


def _process(job: Import, report: Report, beat: Any, work: Callable[[Sheet], Iterator[int]]) -> Iterator[None]:
    """Calls `work` with the sheet, batch by batch, and adds faults of the file as a whole to the report.

    Raises AuthorityLostError as soon as the person loses the permission.
    """
    _check_authority(job)
    try:
        kind = resource_of(job.kind)
        sheet = files.read(job.read(), kind.known_headings(), kind.remarks(), job.sheet_name)
        _set_sheets(job, report, sheet)
        for done in work(sheet):
            beat(done, sheet.size or job.rows_total)
            _check_authority(job)
            yield
    except ValidationError as error:
        report.problems += error.messages
        if isinstance(error, SheetRefusedError):
            _set_sheets(job, report, error)


def _set_sheets(job: Import, report: Report, read: Sheet | SheetRefusedError) -> None:
    if len(read.sheets) > 1:
        job.sheet_name, report.sheets = read.name, read.sheets


def _check_authority(job: Import) -> None:
    """Raises AuthorityLostError once the person was blocked or signed out everywhere, or lost a permission."""
    person: Any = job.person
    may_import = resource_of(job.kind).may_import(person)
    if not (may_import and person.has_authority(job.asked_at or job.started_at)):
        raise AuthorityLostError


def _build(job: Export, beat: Any) -> None:
    """Makes the file of the rows that the job's query selects now.

    Raises AuthorityLostError as soon as the person loses the permission, TooManyRowsError if rows were added since they
    were counted.
    """
    page, name = _page_of(job.kind), job.file_name
    sheet = resource_of(job.kind)
    resource, rows = sheet(job.person), page.rows_for(job.person, sheet, QueryDict(job.query))
    content = exports.build(resource, rows, name, job.created_at, lambda done: beat(done, job.rows_total))
    job.move(Export.State.BUILDING, to=Export.State.READY, content=job.sealed(content))


#: State → step.
_STEPS: dict[str, Callable[[Any, Any], None]] = {
    Import.State.CHECKING: _check,
    Import.State.APPLYING: _apply,
    Export.State.BUILDING: _build,
    Undo.State.PLANNING: large_undo.plan,
    Undo.State.UNDOING: large_undo.undo,
}


def resource_of(kind: str) -> type[SheetResource]:
    """The resource of this kind (`SheetResource.kind`)."""
    (found,) = (sheet for sheet in _page_of(kind).sheets if sheet.kind() == kind)
    return found


def _page_of(kind: str) -> Any:
    return admin.site.get_model_admin(apps.get_model(kind.partition("/")[0]))


@contextmanager
def _heartbeat(job: Job) -> Iterator[Any]:
    """Holds the job's lock. Yields a function that stores the progress outside the open transaction."""
    beside = connection.copy()
    with closing(beside), beside.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [job.lock])

        def beat(done: int, total: int) -> None:
            table = job._meta.db_table
            sql = f"UPDATE {table} SET rows_done = %s, rows_total = %s WHERE id = %s"  # noqa: S608 (our own name)
            cursor.execute(sql, [done, total and max(total, done), job.pk])

        yield beat
