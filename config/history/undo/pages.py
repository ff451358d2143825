"""The page of a change set, and the pages that show what undoing it would put back, and do it: at once, or by a job."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from config.back_office.times import in_words
from config.database.sql import row_of
from config.history import changes
from config.history.pages import PAGE_ROWS, ReasonFormMixin, kinds_for, links_to_others, query_for
from config.history.positions import OPERATION, Operation, Position
from config.history.tracking import REASON
from config.history.undo.plan import MAX_EVENTS, may_undo, number_of_events, undone
from config.history.undo.preview import Preview, already
from config.spreadsheets.import_pages import changes_url
from config.spreadsheets.jobs import queue, worker
from config.spreadsheets.models import Undo
from config.spreadsheets.pages import find_job, progress_of, too_many_waiting
from config.web.request_context import request_id

#: Most events of a change set that is planned and undone in one request. A job does it for more.
MAX_AT_ONCE = 1_000
_TOO_LARGE = gettext_lazy("These are too many changes to be undone at once.")
#: What the button of a job's page says that the page has shown → what comes next.
_NEXT = {Undo.State.PLANNED: Undo.State.UNDOING, Undo.State.STOPPED: Undo.State.PLANNING}


def change_set_view(request: HttpRequest) -> HttpResponse:
    """What one transaction has changed, who did it, when and why, as far as the viewer may see it."""
    operation = _operation(request)
    first = _first(request, operation)
    rows, more = changes.find(_query(request, operation, request.GET.get("after", "")), PAGE_ROWS)
    former, undoes = undone(operation, request.user), Operation.parse(first.undoes)
    number = number_of_events(operation, request.user)
    can_undo = 0 < number <= MAX_EVENTS and may_undo(request.user) and not former
    context = {
        "title": _("Changes of %(when)s") % {"when": in_words(operation.moment)},
        "changes": rows,
        "is_later": "after" in request.GET,
        "former": former and {"url": former.operation.url, "text": already(former, request.user)},
        "undoes": undoes and {"url": undoes.url, "when": in_words(undoes.moment)},
        "too_large": _TOO_LARGE if number > MAX_EVENTS else "",
        "undo_url": reverse("admin:undo", query={OPERATION: str(operation)}) if can_undo else "",
        **links_to_others(request, more),
    }
    return _page(request, "change_set", operation, first, context)


def undo_view(request: HttpRequest) -> HttpResponse:
    """Shows what would be put back, what is left out and why; POST does it. If that is too much for a request, POST
    begins a job.
    """
    if not may_undo(request.user):
        raise PermissionDenied
    operation = _operation(request)
    first, preview = _first(request, operation), Preview(operation, request.user)
    number = number_of_events(operation, request.user)
    if former := undone(operation, request.user):
        return _refuse(request, operation, already(former, request.user))
    if number > MAX_EVENTS:
        return _refuse(request, operation, _TOO_LARGE)
    is_large = number > MAX_AT_ONCE
    if request.method == "POST":
        return _begin(request, operation) if is_large else _undo(request, operation, preview)
    if is_large:
        return _undo_page(request, operation, first, number=number, button=_("See what can be undone"))
    preview.read()
    return _undo_page(request, operation, first, preview=preview, button=_("Undo") if preview.done else "")


def _undo(request: HttpRequest, operation: Operation, preview: Preview) -> HttpResponse:
    if refusal := preview.undo(_reason(request, operation)):
        return _refuse(request, operation, refusal)
    messages.success(request, _done(preview.done))
    if preview.left_out:
        text = ngettext(
            "%(count)d change was left out: %(why)s",
            "%(count)d changes were left out, the first of them for this reason: %(why)s",
            preview.left_out,
        )
        messages.warning(request, text % {"count": preview.left_out, "why": preview.first_reason})
    own = Operation(row_of("SELECT transaction_timestamp()")[0], request_id(request))
    return HttpResponseRedirect(own.url)


def _done(number: int) -> str:
    return ngettext("%(count)d change was undone.", "%(count)d changes were undone.", number) % {"count": number}


def _reason(request: HttpRequest, operation: Operation) -> str:
    given = request.POST.get(REASON, "").strip()
    reason = _("Undo of the changes of %(when)s") % {"when": in_words(operation.moment)}
    return ": ".join(filter(None, [reason, given]))[:255]


# --- Jobs ---
def _begin(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Goes on to the job that plans the undo; a second click to the same."""
    queue.delete_old()
    own: Any = Undo.objects.of(request.user).filter(operation=str(operation))
    language = get_language() or "en"
    try:
        job = own.filter(state__in=Undo.RUNNING).first() or Undo.objects.begin(
            person=request.user, operation=str(operation), language=language
        )
    except queue.TooManyWaitingError:
        return _refuse(request, operation, too_many_waiting())
    worker.start()
    return HttpResponseRedirect(_job_url(job))


def undo_job_view(request: HttpRequest, pk: Any) -> HttpResponse:
    """The progress of a large undo, what would be put back, and then what was. POST does the next step."""
    job = _job(request, pk)
    operation = Operation.parse(job.operation)
    if operation is None:
        raise Http404
    first = _first(request, operation)
    if request.method == "POST":
        _go_on(request, job, operation)
        return HttpResponseRedirect(_job_url(job))
    told: dict[str, Any] = {"urls": {"progress": reverse("admin:undo_progress", args=[job.pk])}}
    if job.state == Undo.State.STOPPED:
        told["button"] = _("Look again")
    elif job.state == Undo.State.UNDONE:
        told |= {"done": _done(job.report["done"]), "changes_url": changes_url(job)}
    elif job.report.get("done"):
        told["button"] = _("Undo")
    return _undo_page(request, operation, first, job=job, preview=job.report, **told)


def undo_progress_view(request: HttpRequest, pk: Any) -> HttpResponseBase:
    """For the script of the page."""
    return progress_of(_job(request, pk))


def _job(request: HttpRequest, pk: Any) -> Undo:
    """Raises PermissionDenied, or Http404 for another person's."""
    if not may_undo(request.user):
        raise PermissionDenied
    return find_job(Undo.objects.of(request.user), pk)


def _go_on(request: HttpRequest, job: Undo, operation: Operation) -> None:
    """Nothing if the job is not any more in the state that the page has shown."""
    seen = request.POST.get("state", "")
    context = {"user": request.user.pk, "url": request.path, "client": "back-office", "request_id": request_id(request)}
    context["reason"] = _reason(request, operation)
    try:
        if seen in _NEXT and job.restart(seen, to=_NEXT[Undo.State(seen)], context=context, report={}):
            worker.start()
    except queue.TooManyWaitingError:
        messages.error(request, too_many_waiting())


def _job_url(job: Undo) -> str:
    return reverse("admin:undo_job", args=[job.pk])


# --- Pages ---
def _operation(request: HttpRequest) -> Operation:
    """The one that the address names. Raises Http404, or PermissionDenied for who may see no history."""
    operation = Operation.parse(request.GET.get(OPERATION, ""))
    if not kinds_for(request.user):
        raise PermissionDenied
    if operation is None:
        raise Http404
    return operation


def _first(request: HttpRequest, operation: Operation) -> changes.RecordedChange:
    """Its newest change. Raises Http404 if there is none that the viewer may see."""
    found, _more = changes.find(_query(request, operation), 1)
    if not found:
        raise Http404
    return found[0]


def _query(request: HttpRequest, operation: Operation, after: str = "") -> changes.HistoryQuery:
    return query_for(request.user, operation=operation, after=Position.parse(after))


def _undo_page(request: HttpRequest, operation: Operation, first: Any, **context: Any) -> HttpResponse:
    title = _("Undo the changes of %(when)s") % {"when": in_words(operation.moment)}
    return _page(request, "undo", operation, first, {"title": title, "form": ReasonFormMixin(), **context})


def _page(request: HttpRequest, name: str, operation: Operation, first: Any, context: dict[str, Any]) -> HttpResponse:
    shared = admin.site.each_context(request) | {"first": first, "change_set_url": operation.url}
    return TemplateResponse(request, f"admin/history/{name}.html", shared | context)


def _refuse(request: HttpRequest, operation: Operation, text: Any) -> HttpResponse:
    messages.error(request, text)
    return HttpResponseRedirect(operation.url)
