"""Changing the period of assignments: of one, or of many at once, on a page that lists them first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import action

from assignments import errors
from assignments.models import WarehouseUserAssignment
from config.back_office.list_return import list_query, return_path
from config.back_office.periods import PeriodForm
from config.back_office.rights import may_see_people
from config.database.periods import ALWAYS, Period
from config.history.pages import ReasonFormMixin
from config.identifiers import parse_key
from config.rule_errors import RuleError

#: Most assignments that one action changes.
MAX_CHANGED = 1_000
#: Assignments that the page lists; it counts the others.
MAX_SHOWN = 50

_LIST = partial(reverse, "admin:assignments_warehouseuserassignment_changelist")

NOT_CURRENT = gettext_lazy(
    "Nobody can work in a warehouse before their assignment begins or after it is over. Nothing was changed."
)
NO_WAREHOUSE_USER = gettext_lazy("One of these people is not a warehouse user any more. Nothing was changed.")


class SetPeriodForm(PeriodForm, ReasonFormMixin):
    field_order = ("from_day", "until_day")


def is_not_current(refusal: RuleError) -> bool:
    """Whether an assignment was to be activated outside of its period."""
    return errors.NOT_CURRENT in refusal.violations


class PeriodPages:
    """The page, its row action and its bulk action, for the ModelAdmin of assignments."""

    def period_urls(self: Any) -> Iterator[URLPattern]:
        yield path("set-period/", self.admin_site.admin_view(self.save_period), name="assignments_set_period")

    def has_period_permission(self: Any, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    @action(description=gettext_lazy("Set period"), permissions=["period"])
    def set_period(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self.missing(request, object_id)
        return self._period_page(request, [row.pk], back=return_path(request) or _LIST() + list_query(request))

    @admin.action(description=gettext_lazy("Set period"), permissions=["change"])
    def set_period_chosen(self: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        pks = list(queryset.order_by().values_list("pk", flat=True)[: MAX_CHANGED + 1])
        if len(pks) > MAX_CHANGED:
            messages.error(request, too_many())
            return None
        return self._period_page(request, pks, back=request.get_full_path())

    @method_decorator(require_POST)
    def save_period(self: Any, request: HttpRequest) -> HttpResponse:
        """Sets the period of the assignments that the page has listed, all or nothing."""
        if not self.has_period_permission(request):
            raise PermissionDenied
        keys = map(parse_key, request.POST.get("rows", "").split(",")[:MAX_CHANGED])
        pks = [key for key in keys if key is not None]
        chosen = self.get_queryset(request).filter(pk__in=pks)
        form = SetPeriodForm(request.POST, stored=_common_period(chosen))
        if not form.is_valid():
            return self._period_page(request, pks, back=return_path(request), form=form)
        rows = chosen.values_list("user_id", "warehouse_id")
        try:
            changed = WarehouseUserAssignment.objects.set_periods(dict.fromkeys(rows, form.cleaned_data["period"]))
        except RuleError:
            messages.error(request, NO_WAREHOUSE_USER)
        else:
            text = ngettext(
                "The period of %(count)d assignment was changed.",
                "The periods of %(count)d assignments were changed.",
                changed,
            )
            messages.success(request, text % {"count": changed})
        return HttpResponseRedirect(return_path(request) or _LIST())

    def _period_page(self: Any, request: HttpRequest, pks: list[int], *, back: str, form: Any = None) -> HttpResponse:
        rows = self.get_queryset(request).filter(pk__in=pks).order_by("pk")
        number = len(pks)
        title = ngettext("Set period: %(count)d assignment", "Set period: %(count)d assignments", number)
        return self.render_page(
            request,
            "admin/assignments/period.html",
            title % {"count": number},
            shown=rows[:MAX_SHOWN],
            more=max(0, number - MAX_SHOWN),
            with_emails=may_see_people(request.user),
            form=form or SetPeriodForm(stored=_common_period(rows)),
            rows=",".join(map(str, pks)),
            back=back,
        )


def too_many() -> str:
    text = _("At most %(count)s assignments at once. Nothing was changed; please narrow your selection.")
    return text % {"count": MAX_CHANGED}


def _common_period(rows: Any) -> Period:
    """The period that all of these assignments have, else one without bounds."""
    found = rows.order_by().values_list("starts_at", "ends_at").distinct()[:2]
    return Period(*found[0]) if len(found) == 1 else ALWAYS
