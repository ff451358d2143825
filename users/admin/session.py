"""Sessions in the Back Office: read only, except that staff can end them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.utils import display_for_label

from assignments.models import WarehouseGrant
from config.back_office.list_return import return_path
from config.back_office.lists.paging import CappedPaginator, LongListAdmin
from config.back_office.lists.row_menu import RowURL, button, menu_column
from config.back_office.model_admin import ReadOnlyMixin
from config.back_office.rights import IN_ANOTHER
from config.back_office.times import time_tag
from config.history.pages import HistoryAdminMixin
from users.account_actions import ENDED_BY_STAFF, LeftOut
from users.admin.filters import FirstDayFilter, LastDayFilter, LiveFilter, PersonFilter
from users.admin.user.bulk_actions import actor, sessions_ended
from users.forms import ReasonForm
from users.models import Session, User
from users.querysets import searched_by_person, seen_name
from users.sign_in.user_agent import in_plain_words

_PERSON = RowURL("admin:users_user_view", key="user_id")


@admin.register(Session)
class SessionAdmin(HistoryAdminMixin, ReadOnlyMixin, LongListAdmin):
    """One row for each sign-in of an app. The tokens of an ended session are refused from the next request on."""

    list_select_related = ("user",)
    list_display_links = ("since",)
    list_filter = (LiveFilter, PersonFilter, FirstDayFilter, LastDayFilter)
    day_column = "created_at"
    list_filter_sheet = True  # its many columns need the width
    ordering = ("-created_at",)
    searched = searched_by_person("user__", keys=("user",), uuids=("pk", "user__uuid"))
    search_fields = ("user__email",)
    search_help_text = _("Search by name, e-mail or ID")
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
        """Adds `warehouse`: the name of the warehouse of a valid warehouse token, or None, or "" (`seen_name`)."""
        grant = WarehouseGrant.objects.valid().filter(session=OuterRef("pk")).order_by()
        warehouse = Subquery(grant.values(shown=seen_name("assignment__warehouse", actor(request)))[:1])
        sessions = super().get_queryset(request).annotate(warehouse=warehouse)
        return sessions.with_wholly_of(actor(request))

    @display(description=_("Since"), ordering="created_at")
    def since(self, obj: Session) -> str:
        return time_tag(obj.created_at)

    @display(description=_("Last used"))
    def last_used(self, obj: Session) -> str:
        return time_tag(obj.last_used_at)

    @display(description=_("Expires"))
    def expires(self, obj: Session) -> str:
        return time_tag(obj.expires_at)

    @display(description=_("User"))
    def person(self, obj: Session) -> Any:
        return SafeString(f'<a class="person-link" href="{_PERSON(obj)}">{escape(obj.user)}</a>')

    @display(description=_("Browser or app"))
    def browser(self, obj: Session) -> str:
        return in_plain_words(obj.user_agent)

    @display(description=_("Warehouse token"))
    def warehouse_token(self, obj: Any) -> Any:
        return obj.warehouse if obj.warehouse != "" else IN_ANOTHER

    @display(description=_("State"))
    def state(self, obj: Session) -> Any:
        """Open, expired, or ended, and then when and why."""
        if obj.is_live:
            return _label(_now("Open"), "success")
        if obj.ended_at is None:
            return _label(_now("Expired"))
        label = _label(_now("Ended"), "danger")
        return format_html('{} <span class="session-end">{}, {}</span>', label, time_tag(obj.ended_at), self.why(obj))

    @display(description=_("Why ended"))
    def why(self, obj: Session) -> str:
        return _now(obj.end_reason) if obj.end_reason else ""

    def _end_column(self, request: HttpRequest) -> Any:
        by = actor(request)
        end = button(_("End session"), RowURL("admin:users_session_end", query=request.GET.urlencode()), danger=True)

        def end_button(obj: Any) -> SafeString:
            if not obj.is_live or obj.user.outranks(by) or (by.is_confined and not obj.is_of_actor):
                return SafeString("")
            return end(obj, escape(obj.user))

        return menu_column(end_button)

    # --- Ending ------------------------------------------------------------------------------------------------
    def has_end_permission(self, request: HttpRequest) -> bool:
        """The permission to change sessions: ending is the only change there is."""
        return actor(request).may_somewhere("users.change_session")

    def get_urls(self) -> list[URLPattern]:
        protect = self.admin_site.admin_view
        return [
            path("end/", protect(self.end_many_view), name="users_session_end_many"),
            path("<uuid:pk>/end/", protect(self.end_view), name="users_session_end"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    def end_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Ends one session without confirmation, since the user can sign in again."""
        return self._end(request, [pk], request.GET)

    @admin.action(description=_("End sessions"), permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """The confirmation page. It carries the primary keys, so that the sessions it has counted are ended."""
        chosen = list(queryset.live().order_by().values_list("pk", flat=True)[: CappedPaginator.MAX_ROWS])
        live = Session.objects.filter(pk__in=chosen).endable_by(actor(request))
        keys = list(live.order_by().values_list("pk", flat=True))
        return self.render_page(
            request,
            "admin/users/end_sessions.html",
            ngettext("End %(count)d session", "End %(count)d sessions", len(keys)) % {"count": len(keys)},
            number=len(keys),
            left_out=_left_out(len(chosen) - len(keys), actor(request)),
            people=live.order_by().values("user").distinct().count(),
            tokens=WarehouseGrant.objects.of_sessions(live).count(),
            keys=",".join(key.hex for key in keys),
            form=ReasonForm(),
            back=request.GET.urlencode(),
        )

    @method_decorator(require_POST)
    def end_many_view(self, request: HttpRequest) -> HttpResponse:
        keys = re.findall(r"\b[0-9a-f]{32}\b", request.POST.get("keys", ""))
        return self._end(request, keys[: CappedPaginator.MAX_ROWS], QueryDict(request.POST.get("back", "")))

    def _end(self, request: HttpRequest, keys: list[Any], query: QueryDict) -> HttpResponse:
        if not self.has_end_permission(request):
            raise PermissionDenied
        chosen = Session.objects.filter(pk__in=keys).visible_to(actor(request))
        ended = chosen.endable_by(actor(request)).end_all(ENDED_BY_STAFF)
        self.message_user(request, sessions_ended(ended), messages.SUCCESS if ended else messages.WARNING)
        if left_out := _left_out(chosen.live().count(), actor(request)):
            self.message_user(request, left_out, messages.WARNING)
        back = return_path(request) or reverse("admin:users_session_changelist", query=query)
        return HttpResponseRedirect(back)


@cache
def _label(text: str, kind: str = "") -> Any:
    """Rendered once: a label in each row of a list takes a sixth of the page."""
    return display_for_label((text, text), "", {text: kind}) if kind else display_for_label(text, "", True)


def _left_out(number: int, by: User) -> str:
    """How many sessions are not ended, and why; "" if none."""
    left = ngettext("%(count)d left as is: %(why)s", "%(count)d left as they are: %(why)s", number)
    why = LeftOut.ELSEWHERE if by.is_confined else LeftOut.ABOVE
    return left % {"count": number, "why": why.label} if number else ""
