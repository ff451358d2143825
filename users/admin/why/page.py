"""The page *Why?* of one person, and of a warehouse if one is chosen."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from assignments.access.decision import decide
from assignments.models import WarehouseUserAssignment
from config.history.pages import SUBJECTS, SubjectField
from config.identifiers import NIL
from users.admin.why.conditions import Condition, Why
from users.models import User
from warehouses.models import Warehouse

#: Who may ask about a warehouse, besides the person.
_SEES_WORK = ("assignments.view_warehouseuserassignment", "warehouses.view_warehouse")


def why_url(person: Any) -> str:
    """The address of the page about somebody with this key, UUID or e-mail."""
    return f"{reverse('admin:users_user_why')}?{urlencode({'person': person})}"


class WhyForm(forms.Form):
    """A warehouse is asked for only where the viewer may see who is assigned there."""

    def __init__(self, data: Any, *, viewer: Any) -> None:
        super().__init__(data)
        person = SubjectField(SUBJECTS["person"], viewer)
        person.label, person.required = _("Person"), True
        self.fields = {"person": person}
        if all(map(viewer.may_somewhere, _SEES_WORK)):
            warehouse = SubjectField(SUBJECTS["warehouse"], viewer)
            warehouse.label, warehouse.help_text = _("Warehouse"), _("Name or ID; empty for where they work")
            self.fields["warehouse"] = warehouse


class WhyPage:
    """For the ModelAdmin of people."""

    def why_view(self: Any, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = WhyForm(request.GET or None, viewer=request.user)
        context: dict[str, Any] = {"form": form, "opts": None}  # else the heading would be the model's
        if form.is_valid():
            person = form.cleaned_data["person"]
            may_change = self.has_change_permission(request, person)
            context |= _told(Why(request, person, may_change=may_change), form.cleaned_data, request)
        response: HttpResponse = self.render_page(request, "admin/users/why.html", _("Why?"), **context)
        return response


def _told(why: Why, asked: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    viewer: Any = request.user
    sees_work = "warehouse" in asked
    warehouse = asked.get("warehouse") or (_current_warehouse(why.person, viewer) if sees_work else None)
    decision = decide(why.person.uuid, warehouse.uuid if warehouse else NIL)
    account, sign_in = list(why.account(decision)), list(why.sign_in())
    return {
        "person": why.person,
        "account": account,
        "sign_in": sign_in,
        "may_sign_in": _are_met(account + sign_in),
        "sessions": list(why.sessions()) if viewer.may_somewhere("users.view_session") else [],
        "sees_work": sees_work,
        "warehouse": warehouse,
        "work": list(why.work(decision, warehouse)) if warehouse else [],
        "may_work": decision.is_permitted,
    }


def _are_met(conditions: list[Condition]) -> bool:
    return all(condition.is_met is not False for condition in conditions)


def _current_warehouse(person: User, viewer: User) -> Warehouse | None:
    """Where they work, or else where they were assigned last, of what the viewer sees; None if nowhere."""
    seen = WarehouseUserAssignment.objects.visible_to(viewer)
    row = seen.filter(user=person).current_first().select_related("warehouse").first()
    return row.warehouse if row else None
