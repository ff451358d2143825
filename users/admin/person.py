"""The page of one person: who they are, where they work, their open sessions, the latest changes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.utils import display_for_label
from unfold.widgets import UnfoldAdminSelectWidget

from assignments.forms import NO_WAREHOUSE
from config.back_office.list_return import list_query, preserved_query
from config.back_office.times import time_tag
from config.history import changes
from config.history.pages import kinds_for
from users.account_actions import DELETE
from users.admin.bulk_actions import actor
from users.admin.listing import SWITCHES, PeopleList, assign_url
from users.models import User
from users.sign_in import company_accounts
from users.sign_in.account_recovery import lockouts_of
from users.sign_in.user_agent import in_plain_words

#: Most warehouses, sessions and changes on the page, which links to the lists of all.
MAX_WAREHOUSES, MAX_SESSIONS, MAX_CHANGES = 50, 10, 5


class CurrentWarehouseForm(forms.Form):
    """Changes the current warehouse. The assign page takes it."""

    current = forms.ChoiceField(label=_("Current warehouse"), widget=UnfoldAdminSelectWidget)


def person_url(request: HttpRequest, pk: int) -> str:
    """The URL of a person's page, with the way back to the list."""
    return reverse("admin:users_user_view", args=[pk]) + preserved_query(request)


class PersonPage(PeopleList):
    """Each part requires the permission to view its model. The forms of the page return to it."""

    def person_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        person = self.person_or_404(request, pk)
        may = actor(request).has_perm
        parts = self._account(request, person) | self._changes_offered(request, person)
        if may("assignments.view_warehouseuserassignment"):
            parts |= self._work(request, person)
        if may("users.view_session"):
            parts |= self._sessions(request, person)
        query = changes.HistoryQuery(kinds_for(request.user), about=[person])
        parts["latest"], _more = changes.find(query, MAX_CHANGES)
        parts |= {"original": person, "tabs": self.tabs(request, person)}
        return self.render_page(request, "admin/users/user/view.html", person.get_full_name(), **parts)

    def person_or_404(self, request: HttpRequest, pk: Any) -> User:
        person: User | None = self.get_object(request, str(pk))
        if person is None:
            raise Http404
        return person

    def tabs(self, request: HttpRequest, person: User) -> list[tuple[Any, str]]:
        """Label and URL of the pages of a person. The form returns to the page if it was opened from there."""
        page, form = person_url(request, person.pk), reverse("admin:users_user_change", args=[person.pk])
        query = preserved_query(request)
        back = f"{query}&" if query else "?"
        edit = (_("Edit"), f"{form}{back}{urlencode({'_back': page})}")
        return [(_("Overview"), page), *([edit] if self.has_change_permission(request, person) else [])]

    def may_sign_out(self: Any, request: HttpRequest, person: User) -> bool:
        return self.has_end_sessions_permission(request) and person.may_be_changed_by(actor(request))

    def _account(self, request: HttpRequest, person: User) -> dict[str, Any]:
        may_change = self.has_change_permission(request, person)
        return {
            "state": display_for_label(self.status_(person), "", self.status_.label),
            "last_login": time_tag(person.last_login),
            "employment": self.employment(person) if person.employed_until else "",
            **company_accounts.facts(person),
            "list_url": reverse("admin:users_user_changelist") + list_query(request),
            "may_change": may_change,
            "lockouts": lockouts_of(person) if may_change else [],
            "password_has_expired": person.password_has_expired,
        }

    def _changes_offered(self: Any, request: HttpRequest, person: User) -> dict[str, Any]:
        switch, by = SWITCHES[User.Status(person.status)], actor(request)
        may_switch = self.has_change_permission(request, person) and switch.refusal(person, by) is None
        may_delete = self.has_delete_permission(request, person) and DELETE.refusal(person, by) is None
        may_set_password = self.may_set_password(request, person)
        return {
            "switch": switch if may_switch else None,
            "may_delete": may_delete,
            "may_set_password": may_set_password,
        }

    def _work(self, request: HttpRequest, person: User) -> dict[str, Any]:
        """Their warehouses, the current one first. `assigned` counts those that are not over (`with_list_columns`)."""
        rows = list(person.assignments.with_state().current_first()[:MAX_WAREHOUSES])
        current = next((str(row.warehouse_id) for row in rows if row.is_active_now), NO_WAREHOUSE)
        form = CurrentWarehouseForm(initial={"current": current})
        names = [(str(row.warehouse_id), row.warehouse.name) for row in rows if row.is_current]
        form.fields["current"].choices = [*names, (NO_WAREHOUSE, _("Nowhere now"))]  # type: ignore[attr-defined]
        url = assign_url(request, person)
        may_move = url and names and actor(request).has_perm("assignments.change_warehouseuserassignment")
        return {"assign_url": url, "rows": rows, "current": current, "current_form": form if may_move else None}

    def _sessions(self, request: HttpRequest, person: User) -> dict[str, Any]:
        live = person.sessions.live()
        newest = [(one, in_plain_words(one.user_agent)) for one in live.order_by("-created_at")[:MAX_SESSIONS]]
        return {
            "sessions": newest,
            "open_sessions": live.count(),
            "sessions_url": reverse("admin:users_session_changelist", query={"user": person.pk, "state": "live"}),
            "may_end_sessions": self.may_sign_out(request, person),
        }
