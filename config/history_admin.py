"""History in the Back Office: a tab of each page, and one searchable page of everything. Read only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from config import changes

PAGE_ROWS = 50


class ReasonFormMixin(forms.Form):
    """A form in which staff may say why; the history keeps it. Put "change_reason" into the fieldsets."""

    change_reason = forms.CharField(  # named by `config.history.REASON`
        label=_("Reason (optional, kept in the history)"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget,
    )


class HistoryAdminMixin:
    """Makes an admin's History page the database's own record instead of Django's log. Name it before ModelAdmin."""

    def history_view(
        self: Any, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Every change that concerns one object, newest first."""
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        kinds = [model for model in changes.tracked_models() if _may_view(request, model)]
        question = changes.Question(kinds, about=[found], after=changes.Position.parse(request.GET.get("after", "")))
        rows, more = changes.find(question, PAGE_ROWS)
        context = {
            **self.admin_site.each_context(request),
            "title": _now("History: %(object)s") % {"object": found},
            "opts": self.opts,
            "object": found,
            "changes": rows,
            "next": more,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history/page.html", context)


def _may_view(request: HttpRequest, model: Any) -> bool:
    return request.user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
