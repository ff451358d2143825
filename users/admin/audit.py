"""Security events in the Back Office: who signed in, who was refused, what was withdrawn. Read only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter
from unfold.decorators import display
from unfold.widgets import INPUT_CLASSES

from config.identifiers import NIL, parse_uuid
from config.model_admin import ModelAdmin
from users.admin.paging import CappedPaginator, IndexedChangeList, narrowed
from users.models import User
from users.models.audit_event import AuditEvent
from users.models.audit_event_titles import TITLES, in_words, title_of
from users.sign_in.user_agent import in_plain_words


# --- What the list can be narrowed to ---------------------------------------------------------------------------
class EventFilter(DropdownFilter):
    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(tag, title_of(tag, title)) for tag, title in TITLES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[AuditEvent]:
        return queryset.filter(tag=self.value()) if self.value() else queryset


class LevelFilter(RadioFilter):
    title = _("level")
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return AuditEvent.Level.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[AuditEvent]:
        return queryset.filter(level=self.value()) if self.value() in AuditEvent.Level.values else queryset


class DayForm(forms.Form):
    """The browser's own calendar, which speaks the person's language and works with a keyboard."""

    def __init__(self, name: str, label: Any, value: str | None) -> None:
        super().__init__({name: value} if value else None)
        widget = forms.DateInput({"type": "date", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")
        self.fields[name] = forms.DateField(label=label, required=False, widget=widget)


class DayFilter(admin.SimpleListFilter):
    """A day in the calendar."""

    template = "unfold/filters/filters_field.html"

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[()]:
        return ()

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {"form": DayForm(str(self.parameter_name), self.title, self.value())}

    def midnight(self, *, days_later: int = 0) -> datetime | None:
        """When the chosen day begins. A value that is no day is refused as any bad filter is."""
        if not self.value():
            return None
        try:
            day = date.fromisoformat(self.value() or "") + timedelta(days=days_later)
            return make_aware(datetime.combine(day, time.min))
        except (ValueError, OverflowError):
            raise IncorrectLookupParameters from None


class SinceFilter(DayFilter):
    title = _("From")
    parameter_name = "since"

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[AuditEvent]:
        begin = self.midnight()
        return queryset.filter(at__gte=begin) if begin else queryset


class UntilFilter(DayFilter):
    title = _("Up to and including")
    parameter_name = "until"

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[AuditEvent]:
        end = self.midnight(days_later=1)
        return queryset.filter(at__lt=end) if end else queryset


# --- The list and the page of one -------------------------------------------------------------------------------
@admin.register(AuditEvent)
class AuditEventAdmin(ModelAdmin):
    """Newest first. Ten million rows are no slower than ten: every question has an index."""

    list_display = ("time", "event_", "level_", "who", "address", "browser", "request_id")
    list_display_links = ("time",)
    list_filter = (EventFilter, LevelFilter, SinceFilter, UntilFilter)
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    ordering = ("-at",)
    sortable_by = ("time",)
    search_fields = ("username",)
    search_help_text = _("E-mail from its beginning, or the UUID of a user")
    fieldsets = (
        (None, {"fields": ("time", "event_", "level", "who", "more")}),
        (_("Where from"), {"fields": ("address", "browser", "user_agent", "client_id", "session")}),
        (_("Request"), {"fields": ("path", "request_id")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": _("Security events"), **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """An event is a record itself: it has no history."""
        context = {"title": _("Security event"), "show_history": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """What names a person, whichever way: events know some people by e-mail, others by UUID."""
        term = search_term.strip().replace("\x00", "")
        return (_about(queryset, term) if term else queryset), False

    @display(description=_("Time"), ordering="at")
    def time(self, obj: AuditEvent) -> str:
        """To the second: the order of events matters."""
        at = localtime(obj.at)
        return f"{date_format(at, 'SHORT_DATE_FORMAT')} {at:%H:%M:%S}"

    @display(description=_("Event"))
    def event_(self, obj: AuditEvent) -> str:
        return title_of(obj.tag, obj.event)

    @display(description=_("Level"), label={"info": "info", "warning": "warning", "error": "danger"})
    def level_(self, obj: AuditEvent) -> tuple[str, str]:
        return obj.level, obj.get_level_display()

    @display(description=_("Concerns"))
    def who(self, obj: AuditEvent) -> Any:
        """The e-mail as it was typed, or the UUID with all that is known of the person one click away."""
        if obj.username or obj.user_uuid is None:
            return obj.username
        events = reverse("admin:users_auditevent_changelist")
        return format_html('<a class="person-link" href="{}?q={}">{}</a>', events, obj.user_uuid, obj.user_uuid)

    @display(description=_("Browser or app"))
    def browser(self, obj: AuditEvent) -> str:
        return in_plain_words(obj.user_agent)

    @display(description=_("Details"))
    def more(self, obj: AuditEvent) -> str:
        return in_words(obj.details)

    # --- Who may -----------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False


# --- Searching --------------------------------------------------------------------------------------------------
def _about(queryset: Any, term: str) -> Any:
    """Events of the person with this e-mail or UUID; where nobody has it, those whose e-mail begins with it."""
    ways = [way.values_list("pk", flat=True)[: CappedPaginator.MAX_ROWS] for way in _ways(queryset, term)]
    return narrowed(queryset, sorted(set(chain.from_iterable(ways)), reverse=True))  # later ones have higher keys


def _ways(queryset: Any, term: str) -> list[Any]:
    """One index serves each, newest first; the last gives whichever it meets first."""
    newest = queryset.order_by("-at", "-id")
    uuid = parse_uuid(term)
    if uuid != NIL:
        person = User.objects.filter(uuid=uuid).first()
        return [newest.named(user_uuid=uuid), *([newest.named(email=person.email)] if person else [])]
    if person := User.objects.by_email(term).first():
        return [newest.named(user_uuid=person.uuid), newest.named(email=person.email)]
    return [newest.named(email=term), queryset.order_by().beginning(term)]
