"""Bulk actions on people: a page that lists the people and the effects, then one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django.views.decorators.http import require_POST

from assignments.models import WarehouseUserAssignment
from config.identifiers import parse_key
from config.rule_errors import RuleError
from users.account_actions import (
    ACTIVATE,
    DEACTIVATE,
    END_SESSIONS,
    MAKE_WAREHOUSE_USER,
    MAX_PEOPLE,
    RESTORE,
    UNMAKE_WAREHOUSE_USER,
    AccountAction,
    LeftOut,
    Plan,
)
from users.forms import ReasonForm, WarehousesForm
from users.models import User


@dataclass(frozen=True, eq=False)
class AssignWarehouses(AccountAction):
    """Assigns the same warehouses to many people, by the write method of assignments."""

    def refusal(self, person: User, by: User) -> LeftOut | None:
        if person.is_deleted:
            return LeftOut.DELETED
        return None if person.is_warehouse_user else LeftOut.NO_WAREHOUSE_USER

    def write(self, people: Sequence[User], **given: Any) -> int:
        pairs = [(person.pk, warehouse.pk) for person in people for warehouse in given["warehouses"]]
        return WarehouseUserAssignment.objects.set_assignments(add=pairs, remove=[], period=given["period"]).assigned


ASSIGN_WAREHOUSES = AssignWarehouses(
    "assign-warehouses",
    gettext_lazy("Assign warehouses"),
    gettext_lazy("Each of them is assigned to every warehouse you choose. What they have already stays as it is."),
    ngettext_lazy("%(count)d user now has these warehouses.", "%(count)d users now have these warehouses.", "count"),
    permission="assign",
)

#: In display order.
BULK = (ACTIVATE, DEACTIVATE, RESTORE, MAKE_WAREHOUSE_USER, UNMAKE_WAREHOUSE_USER, ASSIGN_WAREHOUSES, END_SESSIONS)
CHANGES = {change.name: change for change in BULK}

#: Number of people whom the page lists by name; it counts the others.
NAMES_SHOWN = 20


def action_for(change: AccountAction) -> Callable[..., HttpResponse | None]:
    """An entry of the list's action menu, which leads to the confirmation page."""

    @admin.action(description=change.title, permissions=[change.permission])
    def action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return model_admin.confirm(request, change, queryset)

    action.__name__ = change.name.replace("-", "_")
    return action


class BulkMixin:
    """The actions of `BULK`, for a ModelAdmin of users."""

    actions = tuple(action_for(change) for change in BULK)

    def has_assign_permission(self, request: HttpRequest) -> bool:
        return actor(request).may_somewhere("assignments.add_warehouseuserassignment")

    def has_end_sessions_permission(self, request: HttpRequest) -> bool:
        return actor(request).may_somewhere("users.change_session")

    def has_change_kind_permission(self, request: HttpRequest) -> bool:
        """To make people warehouse users or no longer. Not for the confined."""
        return actor(request).may("users.change_user")

    def confirm(self: Any, request: HttpRequest, change: AccountAction, queryset: Any) -> HttpResponse | None:
        """The confirmation page. It carries the primary keys, so that the change is for the people it has listed."""
        pks = list(queryset.order_by().values_list("pk", flat=True)[: MAX_PEOPLE + 1])
        if len(pks) > MAX_PEOPLE:
            most = number_format(MAX_PEOPLE, force_grouping=True)
            text = _("Choose at most %(most)s users: search or filter first.") % {"most": most}
            self.message_user(request, text, messages.ERROR)
            return None
        return self._confirmation_page(request, change, pks, _form_of(change, request), back=request.GET.urlencode())

    @method_decorator(require_POST)
    def bulk_view(self: Any, request: HttpRequest, name: str) -> HttpResponse:
        if (change := CHANGES.get(name)) is None:
            raise Http404
        if not getattr(self, f"has_{change.permission}_permission")(request):
            raise PermissionDenied
        pks, back = _primary_keys(request.POST.get("people", "")), request.POST.get("back", "")
        form = _form_of(change, request, request.POST)
        if not form.is_valid():
            return self._confirmation_page(request, change, pks, form, back)
        self._apply(request, change, pks, form.cleaned_data)
        return HttpResponseRedirect(reverse("admin:users_user_changelist", query=QueryDict(back)))

    def _apply(self: Any, request: HttpRequest, change: AccountAction, pks: list[int], given: dict[str, Any]) -> None:
        try:
            outcome = change.apply(pks, actor(request), **given)
        except (ValidationError, RuleError) as refusal:
            why = " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
            self.message_user(request, _("Nothing was changed. %(why)s") % {"why": why}, messages.ERROR)
        else:
            self._report(request, change, outcome)

    def _report(self: Any, request: HttpRequest, change: AccountAction, outcome: Plan) -> None:
        text = str(change.done % {"count": len(outcome.people)})
        if change is ASSIGN_WAREHOUSES:
            added = ngettext("%(count)d new assignment.", "%(count)d new assignments.", outcome.counted)
            text = f"{text} {added % {'count': outcome.counted}}"
        elif outcome.counted:
            text = f"{text} {sessions_ended(outcome.counted)}"
        self.message_user(request, text, messages.SUCCESS if outcome.people else messages.WARNING)
        for number, why in outcome.reasons:
            left = ngettext("%(count)d left as is: %(why)s", "%(count)d left as they are: %(why)s", number)
            self.message_user(request, left % {"count": number, "why": why}, messages.WARNING)

    def _confirmation_page(
        self: Any, request: HttpRequest, change: AccountAction, pks: list[int], form: Any, back: str
    ) -> HttpResponse:
        plan = change.plan(pks, actor(request))
        number = len(plan.people)
        people = ngettext("%(count)d user", "%(count)d users", number) % {"count": number}
        return self.render_page(
            request,
            "admin/users/bulk.html",
            _("%(change)s: %(people)s") % {"change": change.title, "people": people},
            media=self.media + form.media,
            change=change,
            plan=plan,
            shown=plan.people[:NAMES_SHOWN],
            more=max(0, number - NAMES_SHOWN),
            form=form,
            people=",".join(map(str, pks)),
            back=back,
        )


def sessions_ended(number: int) -> str:
    return ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", number) % {"count": number}


def actor(request: HttpRequest) -> User:
    """The signed-in user. Views behind `admin_view` have no anonymous ones."""
    return cast(User, request.user)


def _form_of(change: AccountAction, request: HttpRequest, data: Any = None) -> Any:
    return WarehousesForm(data, actor=actor(request)) if change is ASSIGN_WAREHOUSES else ReasonForm(data)


def _primary_keys(text: str) -> list[int]:
    """The keys in a comma-separated list; anything else in it is ignored."""
    keys = map(parse_key, text.split(",")[:MAX_PEOPLE])
    return [key for key in keys if key is not None]
