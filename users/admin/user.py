"""People in the Back Office: who there is, where they stand, and what they may do (contract 5.1 to 5.3)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from assignments.models import WarehouseGrant
from config.history_admin import SUBJECTS, HistoryAdminMixin, HistorySubject
from config.identifiers import parse_key
from config.meanwhile import MeanwhileAdminMixin
from config.model_admin import ModelAdmin
from config.rights import may_see_people
from spreadsheets.admin import SheetAdminMixin
from users.account_actions import ACTIVATE, DEACTIVATE, DELETE, END_SESSIONS, LeftOut, Switch, why_signed_out
from users.admin.bulk_actions import BulkMixin, actor
from users.admin.listing import PeopleList, assign_url
from users.forms import ReasonForm, UserForm
from users.models import User
from users.resources import UserResource
from users.sign_in import device_cookies
from users.sign_in.account_recovery import lockouts_of

#: What the Back Office says after a switch, and after one refused (contract 5.3).
_TOLD = {
    ACTIVATE: (_("User was activated successfully."), _("User was not activated.")),
    DEACTIVATE: (_("User was deactivated successfully."), _("User was not deactivated.")),
    DELETE: (_("User was deleted successfully."), _("User was not deleted.")),
}


def _person_for_history(text: str, viewer: Any) -> User | None:
    """By e-mail or id. For who may not see people there is nobody: the answer tells nothing of who there is."""
    if not may_see_people(viewer):
        return None
    key = parse_key(text)
    return User.objects.by_email(text).first() if key is None else User.objects.filter(pk=key).first()


SUBJECTS["person"] = HistorySubject(
    _("Person concerned"),
    _("E-mail or ID"),
    _("No person has the e-mail or ID “%(text)s”."),
    _person_for_history,
)


@admin.register(User)
class UserAdmin(PeopleList, SheetAdminMixin, BulkMixin, HistoryAdminMixin, MeanwhileAdminMixin, ModelAdmin):
    """Create and edit people. Rules live in `users.account_actions` and `users.forms`."""

    sheet = UserResource

    form = UserForm
    readonly_fields = ("last_login_",)

    class Media:
        css = {"all": ("users/people.css",)}

    # --- The page of one person --------------------------------------------------------------------------------
    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        person = ("email", "first_name", "last_name", "language")
        rights: tuple[str, ...] = ("groups",)
        if actor(request).is_superuser:
            rights = ("groups", "is_superuser")
        edited = () if obj is None else ("status", "last_login_")
        writable = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        found = [
            (_("General Information"), {"fields": (*person, *edited)}),
            (_("Warehouse user"), {"fields": ("is_warehouse_user",)}),
            (_("Rights in the Back Office"), {"fields": rights}),
        ]
        if writable:
            found.insert(1, (_("Password"), {"fields": ("password1", "password2")}))
            found.append((_("History"), {"fields": ("change_reason", *(() if obj is None else ("seen",)))}))
        return found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"language": actor(request).language, **super().get_changeform_initial_data(request)}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return super().add_view(request, form_url, {"title": _("Create new User"), **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if person := kwargs.get("obj"):
            name = f"{person.first_name} {person.last_name}"
            edits = self.has_change_permission(request, person)
            title = _now("Edit User: %(name)s") if edits else _now("User: %(name)s")
            context |= {"title": title % {"name": name}, "subtitle": None, **self._of(request, person)}
        return super().render_change_form(request, context, *args, **kwargs)

    def _of(self, request: HttpRequest, person: User) -> dict[str, Any]:
        """What is shown above the form: where to go from here, who is signed in, what keeps the person from it."""
        live = person.sessions.live()
        sees_sessions = request.user.has_perm("users.view_session")
        return {
            "assign_url": assign_url(request, person),
            "open_sessions": live.count() if sees_sessions else 0,
            "sees_sessions": sees_sessions,
            "may_end_sessions": self._may_sign_out(request, person),
            "lockouts": lockouts_of(person) if self.has_change_permission(request, person) else [],
        }

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """What takes or gives rights signs the person out."""
        super().save_model(request, obj, form, change)
        if change and (reason := why_signed_out(form.changed_data, obj)):
            obj.end_sessions(reason)
        if obj.pk == request.user.pk:  # whoever sets their own password here stays signed in here
            update_session_auth_hash(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.instance.pk == request.user.pk:  # what they take from themselves is no right lost meanwhile
            request.user = User.objects.get(pk=request.user.pk)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, _("User was created successfully."), messages.SUCCESS)
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        self.message_user(request, _("User was updated successfully."), messages.SUCCESS)
        answer = self.response_post_save_change(request, obj)
        return device_cookies.remember(request, answer, obj) if obj.pk == request.user.pk else answer

    # --- One click, or two -------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            *self.bulk_urls(),
            path("<int:pk>/switch/<str:name>/", guard(self.switch_view), name="users_user_switch"),
            path("<int:pk>/sign-out/", guard(self.sign_out_view), name="users_user_sign_out"),
            *super().get_urls(),
        ]

    def switch_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Activates or deactivates one person, and goes back to the list as it was."""
        switch = {change.name: change for change in (ACTIVATE, DEACTIVATE)}.get(name)
        if switch is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):  # first: who may change nobody learns of nobody
            raise PermissionDenied
        person = self._person(request, pk)
        self._switch(request, switch, person)
        return self._to_list(request)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks, saying what will end; then deletes softly."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        person = self._person(request, unquote(object_id))
        if request.method == "POST":
            self._switch(request, DELETE, person)
            return self._to_list(request)
        live = person.sessions.live()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Delete User"),
            "opts": self.opts,
            "media": self.media,
            "person": person,
            "refusal": DELETE.refusal(person, actor(request)),
            "sessions": live.count(),
            "tokens": WarehouseGrant.objects.of_sessions(live).count(),
            "assignments": person.assignments.count(),
            "form": ReasonForm(),
        }
        return TemplateResponse(request, "admin/users/delete.html", context)

    def sign_out_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ends every session of one person."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_end_sessions_permission(request):
            raise PermissionDenied
        person = self._person(request, pk)
        if not self._may_sign_out(request, person):
            raise PermissionDenied
        ended = END_SESSIONS.apply([person.pk], actor(request)).counted
        told = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", ended) % {"count": ended}
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:users_user_change", args=[pk]))

    def _switch(self, request: HttpRequest, switch: Switch, person: User) -> None:
        done, undone = _TOLD[switch]
        try:
            outcome = switch.apply([person.pk], actor(request))
            why = next((LeftOut(reason).label for reason in outcome.left_out), "")
        except ValidationError as refusal:
            why = " ".join(refusal.messages)
        if why:
            self.message_user(request, f"{undone} {why}", messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)

    def _person(self, request: HttpRequest, pk: Any) -> User:
        if (person := self.get_object(request, str(pk))) is None:
            raise Http404
        return person

    def _to_list(self, request: HttpRequest) -> HttpResponse:
        query = request.GET.urlencode()
        return HttpResponseRedirect(reverse("admin:users_user_changelist") + (f"?{query}" if query else ""))

    # --- Who may -----------------------------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits who may do more than they."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.may_be_changed_by(request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.may_be_changed_by(request.user))

    def _may_sign_out(self, request: HttpRequest, person: User) -> bool:
        return self.has_end_sessions_permission(request) and person.may_be_changed_by(actor(request))

    def get_actions(self, request: HttpRequest) -> Any:
        """People are deleted one by one, with a look at what that ends."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
