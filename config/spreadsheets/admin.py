"""The list of past imports: who imported which file when, and what came of it. Read-only."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from config.back_office.lists.filters import RadioFilter
from config.back_office.lists.paging import InfinitePaginator
from config.back_office.model_admin import ModelAdmin, ReadOnlyMixin
from config.back_office.rights import may_see_people
from config.back_office.times import time_tag
from config.spreadsheets.import_pages import changes_url, job_url, sheet_url
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from config.spreadsheets.pages import grouped
from config.spreadsheets.resources import SheetResource

#: Numbers of rows in a report, each with its label.
_COUNTS = {
    "created_rows": gettext_lazy("created"),
    "changed_rows": gettext_lazy("changed"),
    "unchanged_rows": gettext_lazy("left alone"),
    "faulty_rows": gettext_lazy("with faults"),
}
_COLOURS = {"applied": "success", "stopped": "danger", "checked": "warning", "checking": "info", "applying": "info"}


def all_sheets() -> list[type[SheetResource]]:
    pages = (admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model))
    return [sheet for page in pages for sheet in getattr(page, "sheets", ())]


def importable(person: Any) -> dict[str, type[SheetResource]]:
    """The sheets that this person may import, by their kinds."""
    return {sheet.kind(): sheet for sheet in all_sheets() if sheet.may_import(person)}


def may_import(request: HttpRequest) -> bool:
    return request.user.is_authenticated and bool(importable(request.user))


class SheetFilter(RadioFilter):
    title = gettext_lazy("what")
    parameter_name = "sheet"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind, capfirst(sheet.title())) for kind, sheet in importable(request.user).items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Import)
class ImportAdmin(ReadOnlyMixin, ModelAdmin):
    """Whoever may import a kind of sheet sees all imports of that kind, a confined person their own.

    Newest first, without a count.
    """

    list_display_links = None
    list_filter = (SheetFilter,)
    ordering = ("-created_at", "-id")
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = InfinitePaginator

    def get_urls(self) -> list[URLPattern]:
        """Only the list: the page of an import is among those of its model."""
        return [path("", self.admin_site.admin_view(self.changelist_view), name="spreadsheets_import_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_import(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_import(request)

    def get_list_display(self, request: HttpRequest) -> Any:
        person = "person_linked" if may_see_people(request.user) else "person_by_name"
        return ("file", "what", "rows", "state_", person, "uploaded", "changes")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        sheets = [(sheet.title(), sheet_url(sheet)) for sheet in importable(request.user).values()]
        return super().changelist_view(request, {"sheets": sheets} | (extra_context or {}))

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without a condition for people who may import everything: one index has the order of all kinds."""
        kinds = [*importable(request.user)]
        seen = Import.objects.visible_to(request.user)
        rows = seen.with_small_report().select_related("person").order_by(*self.ordering)
        return rows if len(kinds) == len(all_sheets()) else rows.filter(kind__in=kinds)

    # --- Columns -----------------------------------------------------------------------------------------------
    @display(description=gettext_lazy("File"))
    def file(self, job: Import) -> Any:
        name = f"{job.file_name} · {job.sheet_name}" if job.sheet_name else job.file_name
        return format_html('<a class="text-link" href="{}">{}</a>', job_url(job), name)

    @display(description=gettext_lazy("What"))
    def what(self, job: Import) -> str:
        return capfirst(worker.resource_of(job.kind).title())

    @display(description=gettext_lazy("Rows"))
    def rows(self, job: Any) -> Any:
        counts = ((label, job.small_report.get(name)) for name, label in _COUNTS.items())
        return format_html_join(", ", "{}: {}", ((label, grouped(count)) for label, count in counts if count))

    @display(description=gettext_lazy("State"), label=_COLOURS)
    def state_(self, job: Import) -> tuple[str, Any]:
        return job.state, _("Not applied") if job.state == Import.State.CHECKED else job.get_state_display()

    @display(description=gettext_lazy("By"))
    def person_linked(self, job: Any) -> Any:
        url = reverse(job.person.back_office_page, args=[job.person_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, job.person.get_full_name())

    @display(description=gettext_lazy("By"))
    def person_by_name(self, job: Any) -> str:
        return str(job.person.get_full_name())

    @display(description=gettext_lazy("When"))
    def uploaded(self, job: Import) -> str:
        return time_tag(job.created_at)

    @display(description=gettext_lazy("History"))
    def changes(self, job: Import) -> Any:
        url = changes_url(job)
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("Changes")) if url else ""
