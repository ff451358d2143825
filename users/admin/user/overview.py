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
from config.back_office.periods import in_words
from config.back_office.rights import IN_ANOTHER
from config.back_office.times import time_tag
from config.database.periods import Period, not_ended
from config.history import changes
from config.history.pages import query_for
from config.text import name_key
from users.account_actions import DELETE
from users.admin.user.bulk_actions import actor
from users.admin.user.changelist import SWITCHES, PeopleList, assign_url, elsewhere
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


def _manages(person: User) -> bool:
    """Whether the rights of a Back Office user count only for certain warehouses."""
    return person.is_confined and not person.is_warehouse_user


def managed_url(person: User) -> str:
    """The URL of the page of the warehouses that somebody manages."""
    return reverse("admin:assignments_managed_warehouses", args=[person.uuid])


def _notes(managed: Any, mapped: dict[str, str]) -> str:
    """The period of management, and who gives it, if that is a provider of company accounts."""
    keys = (str(managed.warehouse.uuid), name_key(managed.warehouse.name))
    given_by = next((mapped[key] for key in keys if key in mapped), "")
    source = _("from %(provider)s") % {"provider": given_by} if given_by else ""
    return ", ".join(filter(None, [in_words(Period(managed.starts_at, managed.ends_at)), source]))


class PersonPage(PeopleList):
    """Each part requires the permission to view its model. The forms of the page return to it."""

    def person_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        person = self.person_or_404(request, pk)
        may = actor(request).may_somewhere
        parts = self._account(request, person) | self._changes_offered(request, person)
        if _manages(person):
            parts |= self._managed(request, person, parts["mapped_warehouses"])
        if may("assignments.view_warehouseuserassignment"):
            parts |= self._work(request, person)
        if may("users.view_session"):
            parts |= self._sessions(request, person)
        parts["latest"], _more = changes.find(query_for(request.user, about=[person]), MAX_CHANGES)
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
        managed = (_("Managed warehouses"), managed_url(person) + query)
        return [
            (_("Overview"), page),
            *([edit] if self.has_change_permission(request, person) else []),
            *([managed] if _manages(person) else []),
        ]

    def _account(self, request: HttpRequest, person: User) -> dict[str, Any]:
        may_change = self.has_change_permission(request, person)
        return {
            "state": display_for_label(self.status_(person), "", self.status_.label),
            "last_login": time_tag(person.last_login),
            "employment": self.employment(person) if person.employed_until else "",
            **company_accounts.facts(person),
            "list_url": reverse("admin:users_user_changelist") + list_query(request),
            "may_add": self.has_add_permission(request),
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

    def _work(self, request: HttpRequest, person: Any) -> dict[str, Any]:
        """Their warehouses, the current one first. `assigned` counts those that are not over (`with_list_columns`)."""
        seen = person.assignments.visible_to(actor(request))
        rows = list(seen.with_state().current_first()[:MAX_WAREHOUSES])
        works_elsewhere = person.current_warehouse == ""  # in one that the user does not see
        at = next((str(row.warehouse_id) for row in rows if row.is_active_now), NO_WAREHOUSE)
        current = "" if works_elsewhere else at
        form = CurrentWarehouseForm(initial={"current": current})
        names = [(str(row.warehouse_id), row.warehouse.name) for row in rows if row.is_current]
        nowhere = ("", IN_ANOTHER) if works_elsewhere else (NO_WAREHOUSE, _("Nowhere now"))
        form.fields["current"].choices = [*names, nowhere]  # type: ignore[attr-defined]
        url = assign_url(request, person)
        may_move = url and names and actor(request).may_somewhere("assignments.change_warehouseuserassignment")
        return {
            "assign_url": url,
            "rows": rows,
            "current": current,
            "current_form": form if may_move else None,
            "works_in": IN_ANOTHER if works_elsewhere else person.current_warehouse,
            "elsewhere": elsewhere(person, actor(request)),
        }

    def _managed(self, request: HttpRequest, person: User, mapped: dict[str, str]) -> dict[str, Any]:
        """The warehouses that a confined person manages, with notes; of others a confined viewer learns how many.

        Two queries.
        """
        by = actor(request)
        rows = person.managed_warehouses.filter(not_ended()).select_related("warehouse").order_by("pk")
        seen = rows.filter(warehouse__in=by.managed) if by.is_confined else rows
        number, shown = rows.count(), list(seen[:MAX_WAREHOUSES])
        named = [(one.warehouse, _notes(one, mapped)) for one in shown]
        may_give = person.pk != by.pk and self.has_change_permission(request, person)
        return {
            "manages": named,
            "manages_others": number - len(shown),
            "manages_nothing": not number,
            "managed_url": managed_url(person) if may_give else "",
        }

    def _sessions(self, request: HttpRequest, person: User) -> dict[str, Any]:
        live = person.sessions.live()
        newest = [(one, in_plain_words(one.user_agent)) for one in live.order_by("-created_at")[:MAX_SESSIONS]]
        return {
            "sessions": newest,
            "open_sessions": live.count(),
            "sessions_url": reverse("admin:users_session_changelist", query={"user": person.pk, "state": "live"}),
            "may_end_sessions": actor(request).may("users.change_session", person),
        }
