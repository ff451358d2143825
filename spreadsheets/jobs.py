"""Checks and applies imports in a thread of their own, so that the server goes on serving.

Applying is one transaction; how far it is goes out over a second connection, beside it. That connection also holds a
lock which vanishes with the process, so that everybody sees when an import has died. Nothing is applied then.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pghistory
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from config import timeouts
from config.authority import AuthorityLostError
from config.logs import audit
from spreadsheets import files
from spreadsheets.files import Sheet
from spreadsheets.models import Import
from spreadsheets.reports import Report
from spreadsheets.resources import SheetResource

_log = logging.getLogger(__name__)
#: Held by whoever applies: one import at a time, so that two never wait for each other.
_ONE_AT_A_TIME = 4_711_000


def start(job: Import) -> None:
    """Lets it run as soon as the transaction that made it is committed. A worker that ends waits for it."""
    thread = threading.Thread(target=_run_in_thread, args=(job.pk,), name=f"import {job.pk}", daemon=False)
    transaction.on_commit(thread.start)


def _run_in_thread(pk: Any) -> None:
    timeouts.be_patient()
    try:
        run(Import.objects.select_related("person").get(pk=pk))
    finally:
        connections.close_all()


def run(job: Import) -> None:
    """Does what the import's state says. Whatever goes wrong, it ends in a state in which people can go on."""
    with translation.override(job.language), _heartbeat(job) as beat:
        job.refresh_from_db(fields=["state"])
        try:
            if job.state == Import.State.CHECKING:
                _check(job, beat)
            elif job.state == Import.State.APPLYING:  # in any other, somebody took it for dead before it began
                _apply(job, beat)
        except AuthorityLostError:
            audit.warning("Import Refused", user_uuid=str(job.person.uuid), kind=job.kind)
            _stop(job)
        except Exception:
            _log.exception("An import stopped")
            _stop(job)


def _stop(job: Import) -> None:
    job.refresh_from_db(fields=["state"])
    if job.is_running:
        job.move(job.state, to=Import.State.STOPPED)


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
            job.person.confirm_authority(job.started_at)
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


def resource_of(kind: str) -> type[SheetResource]:
    """The resource that the Back Office uses for a model, by its label."""
    return admin.site.get_model_admin(apps.get_model(kind)).sheet  # type: ignore[attr-defined]


@contextmanager
def _heartbeat(job: Import) -> Iterator[Any]:
    """Gives a function that tells everybody how far the import is, past the transaction that is open."""
    beside = connection.copy()
    with closing(beside), beside.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [job.lock])

        def beat(done: int, total: int) -> None:
            table = Import._meta.db_table
            sql = f"UPDATE {table} SET rows_done = %s, rows_total = %s WHERE id = %s"  # noqa: S608 (our own name)
            cursor.execute(sql, [done, total and max(total, done), job.pk])

        yield beat
