"""The list of assignments. Its actions activate and deactivate; the assign pages create and delete."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.functional import lazy
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from assignments.admin import assign_pages, managed_warehouses
from assignments.admin.period_pages import (
    MAX_CHANGED,
    NO_WAREHOUSE_USER,
    NOT_CURRENT,
    PeriodPages,
    is_not_current,
    too_many,
)
from assignments.admin.roster import RosterPages
from assignments.models import WarehouseUserAssignment
from assignments.resources.assignment import AssignmentResource
from config.back_office.lists.filters import OptionsFilter, VisibleRowFilter
from config.back_office.lists.paging import InfinitePaginator
from config.back_office.lists.row_menu import RowURL
from config.back_office.model_admin import ModelAdmin
from config.back_office.periods import MAX_DAYS_TO_END
from config.back_office.rights import may_see_people
from config.back_office.times import time_tag
from config.database.search import words_in
from config.history.pages import HistoryAdminMixin
from config.rule_errors import RuleError
from config.spreadsheets.import_pages import SheetAdminMixin
from warehouses.models import UNAVAILABLE

_PERSON = RowURL("admin:users_user_view", key="user_id")


class WorksHereFilter(OptionsFilter):
    title = gettext_lazy("works here now")
    parameter_name = "is_active__exact"
    options = {
        "1": (gettext_lazy("Yes"), lambda rows: rows.working()),
        "0": (gettext_lazy("No"), lambda rows: rows.not_working()),
    }


def _ends_soon() -> str:
    return _("Ends within %(days)d days") % {"days": MAX_DAYS_TO_END}


class PeriodFilter(OptionsFilter):
    """An index has the rows of each choice."""

    title = gettext_lazy("period")
    parameter_name = "period"
    options = {
        "current": (gettext_lazy("Current"), lambda rows: rows.current()),
        "later": (gettext_lazy("Not begun"), lambda rows: rows.not_begun()),
        "over": (gettext_lazy("Over"), lambda rows: rows.ended()),
        "ending": (lazy(_ends_soon, str)(), lambda rows: rows.ending_soon()),
        "not-over": (gettext_lazy("Current or not begun"), lambda rows: rows.not_ended()),
    }


@admin.register(WarehouseUserAssignment)
class WarehouseUserAssignmentAdmin(PeriodPages, RosterPages, SheetAdminMixin, HistoryAdminMixin, ModelAdmin):
    sheets = (AssignmentResource,)

    list_display_links = ("changed_on",)
    list_filter = (
        WorksHereFilter,
        PeriodFilter,
        ("warehouse", VisibleRowFilter),
        ("user", VisibleRowFilter),
    )
    search_fields = ("user__email",)  # shows the search box; `get_search_results` searches
    search_help_text = gettext_lazy("Name, e-mail, warehouse or ID")
    ordering = ("-id",)
    sortable_by = ()
    list_per_page = 50
    list_disable_select_all = True  # it would need a count
    show_full_result_count = False
    paginator = InfinitePaginator
    readonly_fields = ("user", "person_by_name", "warehouse", "works_here_now", "period", "created_at", "updated_at")
    actions = ("activate_chosen", "deactivate_chosen", "set_period_chosen")
    actions_row = actions_detail = ("assign_warehouses", "set_period")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Without "of … selected", which would need a count."""
        return super().changelist_view(request, {"selection_note_all": "", **(extra_context or {})})  # type: ignore[return-value]

    def get_list_display(self, request: HttpRequest) -> Any:
        person = ("person_linked", "person") if may_see_people(request.user) else ("person_by_name",)
        columns = (*person, "warehouse", "works_here", "period", "assigned_on", "changed_on")
        return (*columns, self.actions_row_column(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = "person_by_name" if may_see_people(request.user) else "user"
        return [name for name in self.readonly_fields if name != hidden]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        if not may_see_people(request.user):
            page.search_help_text = _("Name, warehouse or ID")
        return page

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_state()

    @display(description=gettext_lazy("User"), ordering="user")
    def person_linked(self, row: WarehouseUserAssignment) -> Any:
        return SafeString(f'<a class="text-link" href="{_PERSON(row)}">{escape(row.user.get_full_name())}</a>')

    @display(description=gettext_lazy("E-mail"), ordering="user")
    def person(self, row: WarehouseUserAssignment) -> str:
        return row.user.email

    @display(description=gettext_lazy("User"), ordering="user")
    def person_by_name(self, row: WarehouseUserAssignment) -> str:
        return row.user.get_full_name()

    @display(description=gettext_lazy("Works here now"), label={"yes": "success", "no": "default", "idle": "default"})
    def works_here(self, row: WarehouseUserAssignment) -> tuple[str, Any]:
        if row.works_now:
            return "yes", _("Yes")
        return ("idle", row.why_idle) if row.is_active else ("no", _("No"))

    @display(description=gettext_lazy("Works here now"))
    def works_here_now(self, row: WarehouseUserAssignment) -> Any:
        """The same without its label, which the page of one row does not show."""
        return self.works_here(row)[1]

    @display(description=gettext_lazy("Period"), ordering="starts_at")
    def period(self, row: WarehouseUserAssignment) -> str:
        return row.period_in_words

    @display(description=gettext_lazy("Assigned on"), ordering="created_at")
    def assigned_on(self, row: WarehouseUserAssignment) -> str:
        return time_tag(row.created_at)

    @display(description=gettext_lazy("Changed on"), ordering="updated_at")
    def changed_on(self, row: WarehouseUserAssignment) -> str:
        return time_tag(row.updated_at)

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not words_in(search_term):
            return queryset, False
        by_email = may_see_people(request.user)
        found, request.is_similar = queryset.found(search_term, request.user, by_email=by_email)
        return found, False

    def get_urls(self) -> list[URLPattern]:
        return [
            *assign_pages.urls(self),
            *managed_warehouses.urls(self),
            *self.period_urls(),
            *self.roster_urls(),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Assignments are created on the assign pages."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For the actions only: the page of one row is read-only."""
        return obj is None and super().has_change_permission(request)

    # --- Deleting ----------------------------------------------------------------------------------------------
    def delete_model(self, request: HttpRequest, obj: WarehouseUserAssignment) -> None:
        self.delete_queryset(request, WarehouseUserAssignment.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WarehouseUserAssignment]) -> None:
        """Locks the users first (`users.locks`)."""
        with transaction.atomic():
            WarehouseUserAssignment.objects.filter(pk__in=queryset.order_by().values("pk")).lock_people()
            super().delete_queryset(request, queryset)

    # --- Actions ------------------------------------------------------------------------------------------------
    @action(description=gettext_lazy("Assign Warehouses"), permissions=["view"])
    def assign_warehouses(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self.missing(request, object_id)
        return redirect("admin:assignments_assign_warehouses", row.user.uuid)

    @admin.action(description=gettext_lazy("Activate: they work there now"), permissions=["change"])
    def activate_chosen(self, request: HttpRequest, queryset: QuerySet[WarehouseUserAssignment]) -> None:
        self._switch(request, queryset, to=True)

    @admin.action(description=gettext_lazy("Deactivate: they no longer work there"), permissions=["change"])
    def deactivate_chosen(self, request: HttpRequest, queryset: QuerySet[WarehouseUserAssignment]) -> None:
        self._switch(request, queryset, to=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[WarehouseUserAssignment], *, to: bool) -> None:
        """All or nothing."""
        rows = list(queryset.order_by("user_id", "id")[: MAX_CHANGED + 1])
        if refusal := _refusal(rows, to=to, with_emails=may_see_people(request.user)):
            messages.error(request, refusal)
            return
        try:
            with transaction.atomic():
                queryset.lock_people()  # type: ignore[attr-defined]
                for row in rows:
                    row.activate() if to else row.deactivate()
        except RuleError as error:
            messages.error(request, str(NOT_CURRENT if is_not_current(error) else NO_WAREHOUSE_USER))
            return
        messages.success(request, _switched(len(rows), to=to))
        for name in sorted({row.warehouse.name for row in rows if to and not row.warehouse.is_active}):
            messages.warning(request, UNAVAILABLE % {"name": name})


def _refusal(rows: list[WarehouseUserAssignment], *, to: bool, with_emails: bool) -> str:
    if len(rows) > MAX_CHANGED:
        return too_many()
    twice = next((one for one, next_ in pairwise(rows) if one.user_id == next_.user_id), None)
    if to and twice:
        text = _("%(user)s works in one warehouse at a time. Nothing was changed; please select one of theirs.")
        return text % {"user": twice.user.email if with_emails else twice.user.get_full_name()}
    return ""


def _switched(count: int, *, to: bool) -> str:
    if to:
        text = ngettext("%(count)s assignment is active now.", "%(count)s assignments are active now.", count)
    else:
        text = ngettext("%(count)s assignment is inactive now.", "%(count)s assignments are inactive now.", count)
    return text % {"count": count}
