"""Who is signed in, from where. Read only, but for ending."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.utils import display_for_label

from assignments.models import WarehouseGrant
from config.history_admin import HistoryAdminMixin
from config.model_admin import ModelAdmin
from users.account_actions import ENDED_BY_STAFF, LeftOut
from users.admin.bulk_actions import actor
from users.admin.buttons import button
from users.admin.filters import LiveFilter, PersonFilter
from users.admin.paging import CappedPaginator, IndexedChangeList, narrowed
from users.forms import ReasonForm
from users.models import Session
from users.sign_in.user_agent import in_plain_words


@admin.register(Session)
class SessionAdmin(HistoryAdminMixin, ModelAdmin):
    """One row for each sign-in of an app. Ending one makes its tokens worthless from the next request on."""

    list_select_related = ("user",)
    list_display_links = ("since",)
    list_filter = (LiveFilter, PersonFilter)
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    ordering = ("-created_at",)
    search_fields = ("user__email",)
    search_help_text = _("E-mail or names of the user, from their beginnings")
    fieldsets = (
        (None, {"fields": ("person", "state", "warehouse_token", "why")}),
        (_("Sign-in"), {"fields": ("client_id", "address", "browser", "user_agent")}),
        (_("Times"), {"fields": ("since", "last_used", "expires")}),
    )
    actions = ("end_selected",)

    class Media:
        css = {"all": ("users/people.css",)}

    # --- The list ----------------------------------------------------------------------------------------------
    def get_list_display(self, request: HttpRequest) -> Any:
        columns = ("person", "since", "last_used", "client_id", "browser", "address", "warehouse_token", "state")
        return (*columns, *([self._end_column(request)] if self.has_end_permission(request) else []))

    def get_queryset(self, request: HttpRequest) -> Any:
        """With `warehouse`, for which a warehouse token is out and holds, or None."""
        grant = WarehouseGrant.objects.holding().filter(session=OuterRef("pk")).order_by()
        warehouse = Subquery(grant.values("assignment__warehouse__name")[:1])
        return super().get_queryset(request).annotate(warehouse=warehouse)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": _("Sessions"), **(extra_context or {})})

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return narrowed(queryset, queryset.found(search_term, CappedPaginator.MAX_ROWS + 1)), False

    @display(description=_("Since"), ordering="created_at")
    def since(self, obj: Session) -> Any:
        return obj.created_at

    @display(description=_("Last used"))
    def last_used(self, obj: Session) -> Any:
        return obj.last_used_at

    @display(description=_("Expires"))
    def expires(self, obj: Session) -> Any:
        return obj.expires_at

    @display(description=_("User"))
    def person(self, obj: Session) -> Any:
        return format_html(
            '<a class="person-link" href="{}">{}</a>', reverse("admin:users_user_change", args=[obj.user_id]), obj.user
        )

    @display(description=_("Browser or app"))
    def browser(self, obj: Session) -> str:
        return in_plain_words(obj.user_agent)

    @display(description=_("Warehouse token"))
    def warehouse_token(self, obj: Any) -> Any:
        return obj.warehouse

    @display(description=_("State"))
    def state(self, obj: Session) -> Any:
        """Open, expired, or ended, and then when and why."""
        if obj.is_live:
            return display_for_label(("live", _("Open")), "", {"live": "success"})
        if obj.ended_at is None:
            return display_for_label(_("Expired"), "", True)
        when = date_format(localtime(obj.ended_at), "DATETIME_FORMAT")
        label = display_for_label(("ended", _("Ended")), "", {"ended": "danger"})
        return format_html('{} <span class="session-end">{}, {}</span>', label, when, self.why(obj))

    @display(description=_("Why ended"))
    def why(self, obj: Session) -> str:
        return _now(obj.end_reason) if obj.end_reason else ""

    def _end_column(self, request: HttpRequest) -> Any:
        query = request.GET.urlencode()

        @display(description=_("Actions"))
        def actions_column(obj: Session) -> Any:
            if not (obj.is_live and obj.user.may_be_changed_by(actor(request))):
                return ""
            url = reverse("admin:users_session_end", args=[obj.pk]) + (f"?{query}" if query else "")
            return button(_("End session"), str(obj.user), action=url, danger=True)

        return actions_column

    # --- Ending ------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        end_one = self.admin_site.admin_view(self.end_view)
        end_many = self.admin_site.admin_view(self.end_many_view)
        return [
            path("end/", end_many, name="users_session_end_many"),
            path("<uuid:pk>/end/", end_one, name="users_session_end"),
            *super().get_urls(),
        ]

    def end_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Ends one session at once: signing in again is all it takes to undo it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self._end(request, [pk], request.GET.urlencode())

    @admin.action(description=_("End sessions"), permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """The page before the end of many: it carries their keys, so that what is confirmed is what was shown."""
        chosen = list(queryset.live().order_by().values_list("pk", flat=True)[: CappedPaginator.MAX_ROWS])
        live = Session.objects.filter(pk__in=chosen).endable_by(actor(request))
        keys = list(live.order_by().values_list("pk", flat=True))
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("End %(count)d session", "End %(count)d sessions", len(keys)) % {"count": len(keys)},
            "opts": self.opts,
            "media": self.media,
            "number": len(keys),
            "left_out": _left_out(len(chosen) - len(keys)),
            "people": live.order_by().values("user").distinct().count(),
            "tokens": WarehouseGrant.objects.of_sessions(live).count(),
            "keys": ",".join(key.hex for key in keys),
            "form": ReasonForm(),
            "back": request.GET.urlencode(),
        }
        return TemplateResponse(request, "admin/users/end_sessions.html", context)

    def end_many_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        keys = re.findall(r"\b[0-9a-f]{32}\b", request.POST.get("keys", ""))
        return self._end(request, keys[: CappedPaginator.MAX_ROWS], request.POST.get("back", ""))

    def _end(self, request: HttpRequest, keys: list[Any], query: str) -> HttpResponse:
        if not self.has_end_permission(request):
            raise PermissionDenied
        chosen = Session.objects.filter(pk__in=keys)
        ended = chosen.endable_by(actor(request)).end_all(ENDED_BY_STAFF)
        told = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", ended) % {"count": ended}
        self.message_user(request, told, messages.SUCCESS if ended else messages.WARNING)
        if left_out := _left_out(chosen.live().count()):
            self.message_user(request, left_out, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:users_session_changelist") + (f"?{query}" if query else ""))

    # --- Who may -----------------------------------------------------------------------------------------------
    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whoever may change sessions may end them; nothing else about a session can be changed."""
        return request.user.has_perm("users.change_session")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False


def _left_out(number: int) -> str:
    """How many sessions stay open, and why; "" if none."""
    left = ngettext("%(count)d left as is: %(why)s", "%(count)d left as they are: %(why)s", number)
    return left % {"count": number, "why": LeftOut.ABOVE.label} if number else ""
