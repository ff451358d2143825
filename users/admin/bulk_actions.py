"""Doing something to hundreds at once: a page that says what will happen to whom, then one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from assignments.models import WarehouseUserAssignment
from config.identifiers import parse_key
from config.rule_errors import RuleError
from users.account_actions import (
    ACTIVATE,
    DEACTIVATE,
    END_SESSIONS,
    MAKE_WAREHOUSE_USER,
    MAX_PEOPLE,
    UNMAKE_WAREHOUSE_USER,
    AccountAction,
    LeftOut,
    Outcome,
)
from users.forms import ReasonForm, WarehousesForm
from users.models import User


@dataclass(frozen=True, eq=False)
class AssignWarehouses(AccountAction):
    """Gives the same warehouses to many, through the write method of assignments."""

    def refusal(self, person: User, by: User) -> LeftOut | None:
        if person.is_deleted:
            return LeftOut.DELETED
        return None if person.is_warehouse_user else LeftOut.NO_WAREHOUSE_USER

    def write(self, people: Sequence[User], **given: Any) -> int:
        pairs = [(person.pk, warehouse.pk) for person in people for warehouse in given["warehouses"]]
        return WarehouseUserAssignment.objects.set_pairs(add=pairs, remove=[]).assigned


ASSIGN_WAREHOUSES = AssignWarehouses(
    "assign-warehouses",
    gettext_lazy("Assign warehouses"),
    gettext_lazy("Each of them is assigned to every warehouse you choose. What they have already stays as it is."),
    ngettext_lazy("%(count)d user now has these warehouses.", "%(count)d users now have these warehouses.", "count"),
    permission="assign",
)

#: In the order in which the list offers them.
BULK = (ACTIVATE, DEACTIVATE, MAKE_WAREHOUSE_USER, UNMAKE_WAREHOUSE_USER, ASSIGN_WAREHOUSES, END_SESSIONS)
CHANGES = {change.name: change for change in BULK}

#: As many names stand on the page; the others are counted.
NAMES_SHOWN = 20


def action_for(change: AccountAction) -> Callable[..., HttpResponse | None]:
    """The entry of the list's action menu: leads to the page that asks."""

    def action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return model_admin.ask(request, change, queryset)

    action.__name__ = change.name.replace("-", "_")
    action.short_description = change.title  # type: ignore[attr-defined]
    action.allowed_permissions = (change.permission,)  # type: ignore[attr-defined]
    return action


class BulkMixin:
    """The actions of `BULK`, for a ModelAdmin of users."""

    actions = tuple(action_for(change) for change in BULK)

    def has_assign_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("assignments.add_warehouseuserassignment")

    def has_end_sessions_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("users.change_session")

    def bulk_urls(self: Any) -> list[URLPattern]:
        return [path("bulk/<str:name>/", self.admin_site.admin_view(self.bulk_view), name="users_user_bulk")]

    def ask(self: Any, request: HttpRequest, change: AccountAction, queryset: Any) -> HttpResponse | None:
        """The page before the change. It carries the people's keys: what is confirmed is what was shown."""
        pks = list(queryset.order_by().values_list("pk", flat=True)[: MAX_PEOPLE + 1])
        if len(pks) > MAX_PEOPLE:
            most = number_format(MAX_PEOPLE, force_grouping=True)
            self.message_user(
                request, _("Choose at most %(most)s users: search or filter first.") % {"most": most}, messages.ERROR
            )
            return None
        return self._ask_page(request, change, pks, _form_of(change)(), back=request.GET.urlencode())

    def bulk_view(self: Any, request: HttpRequest, name: str) -> HttpResponse:
        change = CHANGES.get(name)
        if change is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not getattr(self, f"has_{change.permission}_permission")(request):
            raise PermissionDenied
        pks = _keys(request.POST.get("people", ""))
        form = _form_of(change)(request.POST)
        if not form.is_valid():
            return self._ask_page(request, change, pks, form, back=request.POST.get("back", ""))
        self._do(request, change, pks, form.cleaned_data)
        query = request.POST.get("back", "")
        return HttpResponseRedirect(reverse("admin:users_user_changelist") + (f"?{query}" if query else ""))

    def _do(self: Any, request: HttpRequest, change: AccountAction, pks: list[int], given: dict[str, Any]) -> None:
        try:
            outcome = change.apply(pks, actor(request), **given)
        except (ValidationError, RuleError) as refusal:
            why = " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
            self.message_user(request, _("Nothing was changed. %(why)s") % {"why": why}, messages.ERROR)
        else:
            self._report(request, change, outcome)

    def _report(self: Any, request: HttpRequest, change: AccountAction, outcome: Outcome) -> None:
        told = [str(change.done % {"count": outcome.changed})]
        if change is ASSIGN_WAREHOUSES:
            told.append(
                ngettext("%(count)d new assignment.", "%(count)d new assignments.", outcome.counted)
                % {"count": outcome.counted}
            )
        elif outcome.counted:
            told.append(
                ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", outcome.counted)
                % {"count": outcome.counted}
            )
        self.message_user(request, " ".join(told), messages.SUCCESS if outcome.changed else messages.WARNING)
        for reason, number in outcome.left_out.most_common():
            left = ngettext("%(count)d left as is: %(why)s", "%(count)d left as they are: %(why)s", number)
            self.message_user(request, left % {"count": number, "why": reason.label}, messages.WARNING)

    def _ask_page(
        self: Any, request: HttpRequest, change: AccountAction, pks: list[int], form: Any, back: str
    ) -> HttpResponse:
        plan = change.plan(pks, actor(request))
        number = len(plan.people)
        people = ngettext("%(count)d user", "%(count)d users", number) % {"count": number}
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(change)s: %(people)s") % {"change": change.title, "people": people},
            "opts": self.opts,
            "media": self.media + form.media,
            "change": change,
            "plan": plan,
            "shown": plan.people[:NAMES_SHOWN],
            "more": max(0, number - NAMES_SHOWN),
            "form": form,
            "people": ",".join(map(str, pks)),
            "back": back,
        }
        return TemplateResponse(request, "admin/users/bulk.html", context)


def actor(request: HttpRequest) -> User:
    """Who is at work. Nobody anonymous gets this far."""
    return cast(User, request.user)


def _form_of(change: AccountAction) -> Any:
    return WarehousesForm if change is ASSIGN_WAREHOUSES else ReasonForm


def _keys(text: str) -> list[int]:
    """The people's keys out of the page; whatever else was sent is nobody."""
    keys = map(parse_key, text.split(",")[:MAX_PEOPLE])
    return [key for key in keys if key is not None]
