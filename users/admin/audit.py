"""Security events in the Back Office: sign-ins, refusals and withdrawals. Read only."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from config.audit.event_titles import TITLES, in_words, title_of
from config.back_office.lists.filters import RadioFilter
from config.back_office.lists.paging import CappedPaginator, LongListAdmin
from config.back_office.model_admin import ReadOnlyMixin, narrowed
from config.back_office.rights import may_see_people
from config.identifiers import NIL, parse_uuid
from users.admin.filters import FirstDayFilter, LastDayFilter
from users.admin.why.events import REFUSALS
from users.admin.why.form import why_url
from users.models import User
from users.models.audit_event import AuditEvent
from users.querysets import PEOPLE
from users.sign_in.user_agent import in_plain_words

#: Most people whose events a search finds.
_MAX_PEOPLE = 20


# --- Filters ----------------------------------------------------------------------------------------------------
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


# --- Pages ------------------------------------------------------------------------------------------------------
@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyMixin, LongListAdmin):
    """Newest first. Every filter, order and search reads an index, for lists of ten million rows."""

    list_display = ("time", "event_", "level_", "who", "address", "browser", "request_id")
    list_display_links = ("time",)
    list_filter = (EventFilter, LevelFilter, FirstDayFilter, LastDayFilter)
    day_column = "at"
    ordering = ("-at",)
    sortable_by = ("time",)
    search_fields = ("username",)
    search_help_text = _("Search by name, e-mail or UUID")
    fieldsets = (
        (None, {"fields": ("time", "event_", "level", "who", "more")}),
        (_("Where from"), {"fields": ("address", "browser", "user_agent", "client_id", "session")}),
        (_("Request"), {"fields": ("path", "request_id")}),
    )

    class Media:
        css = {"all": ("users/people.css",)}

    def get_list_display(self, request: HttpRequest) -> Any:
        """A refusal has a link to the page *Why?* of its person, for viewers who may see people."""
        with_why = {"event_": event_with_why} if may_see_people(request.user) else {}
        return [with_why.get(name, name) for name in self.list_display]

    def get_fieldsets(self, request: HttpRequest, obj: AuditEvent | None = None) -> Any:
        """A refusal has a link to the page *Why?*, and a request to that of all its events."""
        if not may_see_people(request.user):
            return self.fieldsets
        linked = {"more": ("more", "why") if obj and why_of(obj) else ("more",), "request_id": ("request_",)}
        return [
            (title, {"fields": tuple(chain.from_iterable(linked.get(name, (name,)) for name in options["fields"]))})
            for title, options in self.fieldsets
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Without a link to the history: an event is never changed."""
        context = {"title": _("Security event"), "show_history": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Searches by e-mail and by UUID: an event stores one of them."""
        term = search_term.strip().replace("\x00", "")
        return (_about(queryset, term) if term else queryset), False

    @display(description=_("Time"), ordering="at")
    def time(self, obj: AuditEvent) -> str:
        """To the second, so that the order of events is visible."""
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
        """The e-mail as it was entered, or the UUID as a link to all events of the person."""
        if obj.username or obj.user_uuid is None:
            return obj.username
        events = reverse("admin:users_auditevent_changelist")
        return format_html('<a class="person-link" href="{}?q={}">{}</a>', events, obj.user_uuid, obj.user_uuid)

    @display(description=_("Browser or app"))
    def browser(self, obj: AuditEvent) -> str:
        return in_plain_words(obj.user_agent)

    @display(description=_("Why?"))
    def why(self, obj: AuditEvent) -> Any:
        return format_html('<a class="person-link" href="{}">{}</a>', why_of(obj), _("What stood in the way"))

    @display(description=_("Request"))
    def request_(self, obj: AuditEvent) -> Any:
        if not obj.request_id:
            return ""
        return format_html(
            '<a class="person-link" href="{}">{}</a>', why_url(request_id=obj.request_id), obj.request_id
        )

    @display(description=_("Details"))
    def more(self, obj: AuditEvent) -> str:
        return in_words(obj.details)


@display(description=_("Event"))
def event_with_why(event: AuditEvent) -> Any:
    title, why = title_of(event.tag, event.event), why_of(event)
    return format_html('{} <a class="person-link" href="{}">{}</a>', title, why, _("Why?")) if why else title


def why_of(event: AuditEvent) -> str:
    """The address of the page about person, client and moment of a refusal; "" for any other event."""
    person = event.username or event.user_uuid
    if event.tag not in REFUSALS or not (person or event.client_id):
        return ""
    return why_url(person=person, client=event.client_id, moment=event.at)


# --- Searching --------------------------------------------------------------------------------------------------
def _about(queryset: Any, term: str) -> Any:
    """Events of the person with this e-mail or UUID; if there is no such person, of those whom a search finds, and
    those whose e-mail begins with it.
    """
    searches = [rows.values_list("pk", flat=True)[: CappedPaginator.MAX_ROWS] for rows in _searches(queryset, term)]
    found = sorted(set(chain.from_iterable(searches)), reverse=True)  # newest first
    return narrowed(queryset, found[: CappedPaginator.MAX_ROWS + 1])


def _searches(queryset: Any, term: str) -> list[Any]:
    """Each reads one index, newest first, except that `beginning` returns its rows in any order."""
    newest = queryset.order_by("-at", "-id")
    uuid = parse_uuid(term)
    if uuid != NIL:
        person = User.objects.filter(uuid=uuid).first()
        return [newest.named(user_uuid=uuid), *([newest.named(email=person.email)] if person else [])]
    if person := User.objects.by_email(term).first():
        return [newest.named(user_uuid=person.uuid), newest.named(email=person.email)]
    found = User.objects.filter(pk__in=PEOPLE.found(User.objects.all(), term, _MAX_PEOPLE)).values_list("uuid", "email")
    uuids, emails = zip(*found, strict=True) if found else ((), ())
    by_person = [newest.filter(user_uuid__in=uuids), newest.filter(account__in=[email.lower() for email in emails])]
    return [newest.named(email=term), queryset.order_by().beginning(term), *(by_person if found else [])]
