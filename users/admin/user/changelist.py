"""The list of people, with their current warehouses and a menu in each row (contract 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlencode

from django.db.models import F
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from config.back_office import periods
from config.back_office.list_return import preserved_query
from config.back_office.lists.paging import LongListAdmin
from config.back_office.lists.row_menu import RowControl, RowMenu, RowURL, button, link, menu_column
from config.back_office.rights import IN_ANOTHER
from config.back_office.times import time_tag
from users.account_actions import ACTIVATE, DEACTIVATE, RESTORE
from users.admin.filters import (
    AssignedFilter,
    EmploymentFilter,
    GapFilter,
    KindFilter,
    LockoutFilter,
    StatusFilter,
    WorkingFilter,
)
from users.models import User
from users.querysets import PEOPLE
from users.sign_in.lockouts.in_force import end_of_lockout

_ASSIGN_PAGE = "admin:assignments_assign_warehouses"
_SEES_ASSIGNMENTS = "assignments.view_warehouseuserassignment"
#: Names of the URLs whose pages show what the list shows of a person.
_WITH_LIST_COLUMNS = {"users_user_changelist", "users_user_view"}


class PeopleList(LongListAdmin):
    """Every filter, order and search reads an index; every page costs the same."""

    searched = PEOPLE
    list_display_links = ("first_name_", "last_name_")
    list_filter = (StatusFilter, KindFilter, AssignedFilter, WorkingFilter, GapFilter, EmploymentFilter, LockoutFilter)
    ordering = (Lower("email"),)
    search_fields = ("email",)
    search_help_text = _("Search by name, e-mail or ID")

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = ("first_name_", "last_name_", "email_", "status_", "current_warehouse")
        return (*columns, self._assigned_column(request), "last_login_", menu_column(_PersonMenu(self, request)))

    def get_queryset(self, request: HttpRequest) -> Any:
        people = super().get_queryset(request).with_changeable_by(request.user)
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name == "autocomplete":
            return people.listed()
        return people.with_list_columns(request.user) if name in _WITH_LIST_COLUMNS else people

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
        return time_tag(obj.last_login) or _("N/A")

    @display(
        description=_("Status"),
        ordering="status",
        label={"active": "success", "blocked": "danger", "left": "danger", "locked": "warning"},
    )
    def status_(self, obj: Any) -> tuple[str, Any]:
        if obj.status == User.Status.ACTIVE and not obj.is_employed:
            return "left", _now("Employment %(ended)s") % {"ended": employment_hint(obj)}
        if obj.is_active and obj.locked_out_at:
            until = time_format(localtime(end_of_lockout(obj.locked_out_at)), "H:i")
            return "locked", _now("Active, locked out until %(time)s") % {"time": until}
        if obj.is_active and (ends := employment_hint(obj)):
            return "active", _now("Active, employment %(ends)s") % {"ends": ends}
        return obj.status, User.Status(obj.status).label

    @display(description=_("Employment"))
    def employment(self, obj: User) -> str:
        """Until when, and whether that is soon or over."""
        return periods.with_hint(obj.employment, obj.read_at) if obj.employed_until else _now("no end")

    @display(description=_("Works in"))
    def current_warehouse(self, obj: Any) -> Any:
        return IN_ANOTHER if obj.current_warehouse == "" else obj.current_warehouse

    def _assigned_column(self, request: HttpRequest) -> Any:
        """The number of warehouses, with a link to the assignments for those who may view them.

        The confined see how many others there are.
        """
        user = cast(Any, request.user)
        may_see = user.may_somewhere(_SEES_ASSIGNMENTS)
        url = f"{reverse('admin:assignments_warehouseuserassignment_changelist')}?user__id__exact="
        shown = (
            f'<a class="text-link" data-figure="{{0}}" href="{url}{{1}}&amp;period=not-over">{{0}}</a>'
            if may_see
            else "{0}"
        )

        @display(description=_("Warehouses"))
        def assigned(obj: Any) -> Any:
            if not (obj.is_warehouse_user or obj.assigned):
                return _now("manages certain ones") if obj.is_confined else ""
            return SafeString(shown.format(obj.assigned, obj.pk) + elsewhere(obj, user))

        return assigned


def elsewhere(person: Any, viewer: User) -> str:
    """Such as " + 2 elsewhere": the assignments of a person in warehouses that a confined viewer does not see."""
    if not (viewer.is_confined and person.elsewhere):
        return ""
    number = person.elsewhere
    return " " + ngettext("+ %(count)d elsewhere", "+ %(count)d elsewhere", number) % {"count": number}


def employment_hint(person: User) -> str:
    """Such as "ends tomorrow" or "ended on 13 Dec 2026", or ""."""
    return periods.hint(person.employment, person.read_at) if person.employed_until else ""


#: The switch that is offered in each status.
SWITCHES = {User.Status.ACTIVE: DEACTIVATE, User.Status.BLOCKED: ACTIVATE, User.Status.DELETED: RESTORE}


class _PersonMenu:
    """The actions of each row in the order of contract 5.1, with an additional one for lockouts."""

    def __init__(self, people: PeopleList, request: HttpRequest) -> None:
        self.user = cast(Any, request.user)
        self.menu = RowMenu()
        self.may_assign = self.user.may_somewhere(_SEES_ASSIGNMENTS)
        self.may_change, self.may_delete = people.has_change_permission(request), people.has_delete_permission(request)
        query = request.GET.urlencode()
        kept = preserved_query(request).removeprefix("?")
        self.assign = link(_("Assign Warehouses"), RowURL(_ASSIGN_PAGE, key="uuid", query=kept))
        self.edit = link(_("Edit"), RowURL("admin:users_user_change", query=kept))
        self.switches = {
            status: button(switch.title, RowURL("admin:users_user_switch", switch.name, query=query))
            for status, switch in SWITCHES.items()
        }
        self.unlock = button(_("Unlock"), RowURL("admin_unlock_sign_in", query=urlencode({"list": query})))
        self.delete = link(_("Delete"), RowURL("admin:users_user_delete", query=kept), danger=True)

    def __call__(self, person: Any) -> SafeString:
        return self.menu(person, person.email, self._controls(person))

    def _controls(self, person: Any) -> Iterator[RowControl]:
        if self.may_assign and person.may_be_assigned:
            yield self.assign
        if (self.may_change or self.may_delete) and person.may_be_changed_by(self.user):
            yield from self._changes(person)

    def _changes(self, person: Any) -> Iterator[RowControl]:
        is_own = person.pk == self.user.pk
        if self.may_change:
            yield self.edit
            if not is_own:
                yield self.switches[person.status]
            if person.locked_out_at:
                yield self.unlock
        if self.may_delete and not (person.is_deleted or is_own):
            yield self.delete


def assign_url(request: HttpRequest, person: User) -> str:
    """The URL of the page that assigns warehouses, or "" without permission, or if none can be assigned."""
    user: Any = request.user
    if not (person.may_be_assigned and user.may_somewhere(_SEES_ASSIGNMENTS)):
        return ""
    return reverse(_ASSIGN_PAGE, args=[person.uuid]) + preserved_query(request)
