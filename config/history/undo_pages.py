"""The page of a change set, and the page that shows what undoing it would put back, and does it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.back_office.rights import may_see_people
from config.history import changes
from config.history.pages import PAGE_ROWS, ReasonFormMixin, kinds_for, links_to_others
from config.history.positions import OPERATION, Operation, Position
from config.history.preview import Preview, name_of
from config.history.tracking import REASON
from config.history.undo import MAX_EVENTS, Former, may_undo, number_of_events, undo, undone
from config.rule_errors import RuleError
from config.web.request_context import request_id

_TOO_LARGE = gettext_lazy("These are too many changes to be undone at once.")


def change_set_view(request: HttpRequest, *, site: Any) -> HttpResponse:
    """What one transaction has changed, who did it, when and why, as far as the viewer may see it."""
    operation, first, kinds = _find(request)
    rows, more = changes.find(_query(request, operation, kinds, request.GET.get("after", "")), PAGE_ROWS)
    former, undoes = undone(operation), Operation.parse(first.undoes)
    number = number_of_events(operation)
    can_undo = 0 < number <= MAX_EVENTS and may_undo(request.user) and not former
    context = {
        "title": _("Changes of %(when)s") % {"when": in_words(operation)},
        "changes": rows,
        "is_later": "after" in request.GET,
        "former": former and {"url": former.operation.url, "text": _already(request, former)},
        "undoes": undoes and {"url": undoes.url, "when": in_words(undoes)},
        "too_large": _TOO_LARGE if number > MAX_EVENTS else "",
        "undo_url": reverse("admin:undo", query={OPERATION: str(operation)}) if can_undo else "",
        **links_to_others(request, more),
    }
    return _page(request, site, "change_set", operation, first, context)


def undo_view(request: HttpRequest, *, site: Any) -> HttpResponse:
    """Shows what would be put back, what is left out and why; POST does it."""
    if not may_undo(request.user):
        raise PermissionDenied
    operation, first, kinds = _find(request)
    preview = Preview(operation, request.user, kinds, with_emails=may_see_people(request.user))
    if former := undone(operation):
        return _refuse(request, operation, _already(request, former))
    if number_of_events(operation) > MAX_EVENTS:
        return _refuse(request, operation, _TOO_LARGE)
    if request.method == "POST":
        return _undo(request, operation, preview)
    preview.read()
    context = {
        "title": _("Undo the changes of %(when)s") % {"when": in_words(operation)},
        "preview": preview,
        "form": ReasonFormMixin(),
    }
    return _page(request, site, "undo", operation, first, context)


def _undo(request: HttpRequest, operation: Operation, preview: Preview) -> HttpResponse:
    given = request.POST.get(REASON, "").strip()
    reason = ": ".join(filter(None, [_("Undo of the changes of %(when)s") % {"when": in_words(operation)}, given]))
    try:
        with transaction.atomic():
            plan, former = undo(operation, request.user, reason[:255])
            connection.check_constraints()  # raises IntegrityError here, not at the commit
    except ValidationError as refusal:
        return _refuse(request, operation, _("Nothing was undone. %(why)s") % {"why": " ".join(refusal.messages)})
    except (RuleError, IntegrityError):
        text = _("Nothing was undone: somebody has changed something at this moment. Please look again.")
        return _refuse(request, operation, text)
    if former:
        return _refuse(request, operation, _already(request, former))
    preview.tell(plan)
    if not preview.done:
        return _refuse(request, operation, _("Nothing of this can be undone. %(why)s") % {"why": preview.first_reason})
    number = ngettext("%(count)d change was undone.", "%(count)d changes were undone.", preview.done)
    messages.success(request, number % {"count": preview.done})
    if preview.left_out:
        text = ngettext(
            "%(count)d change was left out: %(why)s",
            "%(count)d changes were left out, the first of them for this reason: %(why)s",
            preview.left_out,
        )
        messages.warning(request, text % {"count": preview.left_out, "why": preview.first_reason})
    return HttpResponseRedirect(_own(request).url)


def _own(request: HttpRequest) -> Operation:
    """The change set of this request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT transaction_timestamp()")
        (moment,) = cursor.fetchone()
    return Operation(moment, request_id(request))


def _find(request: HttpRequest) -> tuple[Operation, changes.RecordedChange, list[Any]]:
    """The operation that the address names, its newest change, and the models that the viewer may see.

    Raises Http404 if there is none that the viewer may see.
    """
    kinds = kinds_for(request)
    if not kinds:
        raise PermissionDenied
    operation = Operation.parse(request.GET.get(OPERATION, ""))
    found, _more = changes.find(_query(request, operation, kinds), 1) if operation else ([], None)
    if operation is None or not found:
        raise Http404
    return operation, found[0], kinds


def _query(request: HttpRequest, operation: Operation, kinds: list[Any], after: str = "") -> changes.HistoryQuery:
    with_emails = may_see_people(request.user)
    return changes.HistoryQuery(kinds, operation=operation, after=Position.parse(after), with_emails=with_emails)


def _page(
    request: HttpRequest, site: Any, name: str, operation: Operation, first: Any, context: dict[str, Any]
) -> HttpResponse:
    request.current_app = site.name
    shared = {"first": first, "change_set_url": operation.url}
    return TemplateResponse(request, f"admin/history/{name}.html", site.each_context(request) | shared | context)


def _refuse(request: HttpRequest, operation: Operation, text: Any) -> HttpResponse:
    messages.error(request, text)
    return HttpResponseRedirect(operation.url)


def _already(request: HttpRequest, former: Former) -> str:
    who = name_of(former.user, with_emails=may_see_people(request.user))
    return _("This was undone by %(who)s, %(when)s.") % {"who": who, "when": in_words(former.operation)}


def in_words(moment: Operation | Position) -> str:
    """Its date and time."""
    return str(formats.date_format(timezone.localtime(moment.moment), "SHORT_DATETIME_FORMAT"))
