"""The list of people, with their current warehouses and the buttons of each row (contract 5.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import F
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.back_office.model_admin import ModelAdmin
from users.account_actions import ACTIVATE, DEACTIVATE
from users.admin.buttons import button, link
from users.admin.filters import AssignedFilter, GapFilter, KindFilter, LockoutFilter, StatusFilter, WorkingFilter
from users.admin.paging import CappedPaginator, IndexedChangeList, narrowed
from users.models import User


class PeopleList(ModelAdmin):
    """Every filter, order and search reads an index; every page costs the same."""

    list_display_links = ("email_",)
    list_filter = (StatusFilter, KindFilter, AssignedFilter, WorkingFilter, GapFilter, LockoutFilter)
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    ordering = (Lower("email"),)
    search_fields = ("email", "first_name", "last_name")
    search_help_text = _("E-mail or names, from their beginnings")

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = ("email_", "first_name_", "last_name_", "last_login_", "status_", "current_warehouse", "assigned")
        return (*columns, self._buttons_column(request))

    def get_queryset(self, request: HttpRequest) -> Any:
        people = super().get_queryset(request)
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name == "autocomplete":
            return people.listed()
        return people.with_list_columns() if name == "users_user_changelist" else people

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return narrowed(queryset, queryset.found(search_term, CappedPaginator.MAX_ROWS + 1)), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": _("Users"), **(extra_context or {})})

    @display(description=_("E-mail"), ordering=Lower("email"))
    def email_(self, obj: User) -> str:
        return obj.email

    @display(description=_("First Name"), ordering=Lower("first_name"))
    def first_name_(self, obj: User) -> str:
        return obj.first_name

    @display(description=_("Last Name"), ordering=Lower("last_name"))
    def last_name_(self, obj: User) -> str:
        return obj.last_name

    @display(description=_("Last Login"), ordering=F("last_login").asc(nulls_first=True))
    def last_login_(self, obj: User) -> Any:
        return obj.last_login or _("N/A")

    @display(
        description=_("Status"),
        ordering="status",
        label={"active": "success", "blocked": "danger", "locked": "warning"},
    )
    def status_(self, obj: Any) -> tuple[str, Any]:
        if obj.is_active and obj.is_locked_out:
            return "locked", _("Active, locked out")
        return obj.status, obj.get_status_display()

    @display(description=_("Current warehouse"))
    def current_warehouse(self, obj: Any) -> Any:
        return obj.current_warehouse

    @display(description=_("Warehouses"))
    def assigned(self, obj: Any) -> Any:
        return obj.assigned if obj.is_warehouse_user or obj.assigned else ""

    def _buttons_column(self, request: HttpRequest) -> Any:
        @display(description=_("Actions"))
        def actions_column(obj: User) -> Any:
            return format_html_join(" ", "{}", ((made,) for made in self._buttons(request, obj)))

        return actions_column

    def _buttons(self, request: HttpRequest, obj: Any) -> list[Any]:
        """In the order of contract 5.1, with an additional one for lockouts."""
        found = []
        if assign := assign_url(request, obj):
            found.append(link(_("Assign Warehouses"), obj.email, assign))
        if self.has_change_permission(request, obj):
            query = request.GET.urlencode()
            switch = ACTIVATE if obj.status == User.Status.BLOCKED else DEACTIVATE
            url = reverse("admin:users_user_switch", args=[obj.pk, switch.name]) + (f"?{query}" if query else "")
            found.append(link(_("Edit"), obj.email, reverse("admin:users_user_change", args=[obj.pk])))
            if not obj.is_deleted:
                found.append(button(switch.title, obj.email, action=url))
            if obj.is_locked_out:
                found.append(button(_("Unlock"), obj.email, action=unlock_url(obj, query)))
        if self.has_delete_permission(request, obj) and not obj.is_deleted:
            found.append(link(_("Delete"), obj.email, reverse("admin:users_user_delete", args=[obj.pk]), danger=True))
        return found


def assign_url(request: HttpRequest, person: User) -> str:
    """The URL of the page that assigns warehouses, or "" without permission, or if none can be assigned."""
    if not (person.may_be_assigned and request.user.has_perm("assignments.view_warehouseuserassignment")):
        return ""
    try:
        return reverse("admin:assignments_assign_warehouses", args=[person.uuid])
    except NoReverseMatch:
        return ""


def unlock_url(person: User, query: str) -> str:
    """The URL that unlocks this person's sign-in, and then redirects to the list with this query string."""
    return f"{reverse('admin_unlock_sign_in', args=[person.pk])}?{urlencode({'list': query})}"
