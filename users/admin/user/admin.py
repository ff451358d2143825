"""The pages of one person in the Back Office: create, edit, activate, deactivate, delete (contract 5.1 to 5.3)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from assignments.models import WarehouseGrant
from assignments.resources.people_with_warehouses import PersonResource
from config.back_office.list_return import list_query, return_path
from config.back_office.model_admin import ModelAdmin
from config.back_office.rights import may_see_people
from config.database.search import by_id
from config.history.edit_conflicts import EditConflictAdminMixin
from config.history.pages import MAX_NAMED, SUBJECTS, HistoryAdminMixin, HistorySubject
from config.spreadsheets.import_pages import SheetAdminMixin
from users.account_actions import ACTIVATE, DEACTIVATE, DELETE, END_SESSIONS, RESTORE, Switch, why_signed_out
from users.admin.user.bulk_actions import BulkMixin, actor, sessions_ended
from users.admin.user.overview import managed_url, person_url
from users.admin.user.temporary_password import TemporaryPasswordPage, temporary_password_url
from users.admin.why.page import WhyPage
from users.forms import HireForm, ReasonForm, UserForm
from users.models import User
from users.querysets import PEOPLE
from users.resources.user import UserResource
from users.sign_in.lockouts import device_cookies
from warehouses.models import UNAVAILABLE

#: The permissions to assign warehouses to a new person: to assign, to activate, and to choose from all warehouses.
_HIRE = (
    "assignments.add_warehouseuserassignment",
    "assignments.change_warehouseuserassignment",
    "warehouses.view_warehouse",
)
#: The messages after success and after a refusal (contract 5.3).
_MESSAGES = {
    ACTIVATE: (_("User was activated successfully."), _("User was not activated.")),
    DEACTIVATE: (_("User was deactivated successfully."), _("User was not deactivated.")),
    DELETE: (_("User was deleted successfully."), _("User was not deleted.")),
    RESTORE: (_("User was restored successfully."), _("User was not restored.")),
}


def _people_for_history(text: str, viewer: Any) -> list[User]:
    """By e-mail or id, else as lists search. None for viewers who may not see people: they must not probe accounts."""
    if not may_see_people(viewer):
        return []
    people = User.objects.visible_to(viewer)
    keys = by_id(people, text) or people.by_email(text).values_list("pk", flat=True)
    return list(people.filter(pk__in=keys or PEOPLE.found_or_similar(people, text, MAX_NAMED + 1)[0]))


SUBJECTS["person"] = HistorySubject(
    _("Person concerned"),
    _("Name, e-mail or ID"),
    _("No person has the name, e-mail or ID “%(text)s”."),
    _people_for_history,
)


@admin.register(User)
class UserAdmin(
    TemporaryPasswordPage, WhyPage, SheetAdminMixin, BulkMixin, HistoryAdminMixin, EditConflictAdminMixin, ModelAdmin
):
    """The rules are in `users.account_actions` and `users.forms`."""

    sheets = (UserResource, PersonResource)

    form = UserForm
    readonly_fields = ("last_login_", "employment")

    class Media:
        css = {"all": ("users/people.css",)}
        js = (Script("users/password.js", defer=""), Script("users/sign_in_name.js", defer=""))

    # --- The page of one person --------------------------------------------------------------------------------
    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None and self.has_hire_permission(request):
            kwargs = {"form": HireForm} | kwargs
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        may_edit = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        edited, seen = ((), ()) if obj is None else (("status", "last_login_"), ("seen",))
        until = "employed_until" if may_edit else "employment"
        hired = (
            ("current", "warehouses", "from_day", "until_day")
            if obj is None and self.has_hire_permission(request)
            else ()
        )
        fieldsets: list[Any] = [
            (
                _("General Information"),
                {"fields": ("email", "has_mailbox", "first_name", "last_name", "language", until, *edited)},
            ),
            *self._rights(request, hired),
        ]
        if may_edit:
            only = ("company_account_only",) if settings.OIDC_PROVIDERS and settings.BREAK_GLASS_EMAIL else ()
            fieldsets.insert(1, (_("Password"), {"fields": ("password1", "password2", *only)}))
            fieldsets.append((_("History"), {"fields": ("change_reason", *seen)}))
        return fieldsets

    def _rights(self, request: HttpRequest, hired: tuple[str, ...]) -> list[Any]:
        """The confined hire for their warehouses, and give nobody rights."""
        if actor(request).is_confined:
            return [(_("Warehouses"), {"fields": hired})] if hired else []
        rights = ("groups", "is_superuser") if actor(request).is_superuser else ("groups",)
        return [
            (_("Warehouse user"), {"fields": ("is_warehouse_user", *hired)}),
            (_("Rights in the Back Office"), {"fields": (*rights, "is_confined")}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"language": actor(request).language, **super().get_changeform_initial_data(request)}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        hires = "is_warehouse_user" in request.GET or actor(request).is_confined
        title = _("Hire a warehouse user") if hires else _("Create new User")
        return super().add_view(request, form_url, {"title": title, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if person := kwargs.get("obj"):
            edits = self.has_change_permission(request, person)
            title = _now("Edit User: %(name)s") if edits else _now("User: %(name)s")
            own = {"title": title % {"name": person.get_full_name()}, "subtitle": None}
            context |= own | {"tabs": self.tabs(request, person)}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Ends the person's sessions after a change of their rights."""
        super().save_model(request, obj, form, change)
        if change and (reason := why_signed_out(form.changed_data, obj)):
            obj.end_sessions(reason)
        if obj.pk == request.user.pk:  # a new password ends the other sessions, not this one
            update_session_auth_hash(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if isinstance(form, HireForm):
            form.assign_warehouses()
            if (current := form.cleaned_data["current"]) and not current.is_active:
                self.message_user(request, UNAVAILABLE % {"name": current}, messages.WARNING)
        if form.instance.pk == request.user.pk:  # `config.back_office.authority` compares with these rights
            request.user = person = User.objects.get(pk=request.user.pk)
            translation.activate(person.language_code)  # the message is in the language just chosen

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, _("User was created successfully."), messages.SUCCESS)
        if obj.is_confined:
            return HttpResponseRedirect(managed_url(obj))
        if not obj.has_usable_password() and self.may_set_password(request, obj):
            return HttpResponseRedirect(temporary_password_url(request, obj.pk))
        if self.has_view_permission(request, obj):
            return HttpResponseRedirect(person_url(request, obj.pk))
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        self.message_user(request, _("User was updated successfully."), messages.SUCCESS)
        before = return_path(request)
        answer = HttpResponseRedirect(before) if before else self.response_post_save_change(request, obj)
        return device_cookies.remember(request, answer, obj) if obj.pk == request.user.pk else answer

    # --- Account actions ---------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        protect = self.admin_site.admin_view
        return [
            path("bulk/<str:name>/", protect(self.bulk_view), name="users_user_bulk"),
            path("why/", protect(self.why_view), name="users_user_why"),
            path("sign-in-name/", protect(self.sign_in_name_view), name="users_user_sign_in_name"),
            path(
                "<int:pk>/temporary-password/",
                protect(self.temporary_password_view),
                name="users_user_temporary_password",
            ),
            path("<int:pk>/view/", protect(self.person_view), name="users_user_view"),
            path("<int:pk>/switch/<str:name>/", protect(self.switch_view), name="users_user_switch"),
            path("<int:pk>/sign-out/", protect(self.sign_out_view), name="users_user_sign_out"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    def switch_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Activates, deactivates or restores one person, and returns to the page, or the list with its filters."""
        switch = {change.name: change for change in (ACTIVATE, DEACTIVATE, RESTORE)}.get(name)
        if switch is None:
            raise Http404
        if not self.has_change_permission(request):  # before the lookup, which would tell whether the person exists
            raise PermissionDenied
        back = return_path(request) or reverse("admin:users_user_changelist", query=request.GET)
        return self._switch(request, switch, self.person_or_404(request, pk), back)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """A confirmation page that counts what will end; then a soft delete."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        person = self.person_or_404(request, unquote(object_id))
        if request.method == "POST":
            return self._switch(request, DELETE, person, reverse("admin:users_user_changelist") + list_query(request))
        live = person.sessions.live()
        return self.render_page(
            request,
            "admin/users/delete.html",
            _("Delete User"),
            person=person,
            refusal=DELETE.refusal(person, actor(request)),
            sessions=live.count(),
            tokens=WarehouseGrant.objects.of_sessions(live).count(),
            assignments=person.assignments.visible_to(actor(request)).count(),
            form=ReasonForm(),
        )

    @method_decorator(require_POST)
    def sign_out_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ends all sessions of one person."""
        if not self.has_end_sessions_permission(request):
            raise PermissionDenied
        person = self.person_or_404(request, pk)
        if not actor(request).may("users.change_session", person):
            raise PermissionDenied
        ended = END_SESSIONS.apply([person.pk], actor(request)).counted
        self.message_user(request, sessions_ended(ended), messages.SUCCESS)
        return HttpResponseRedirect(person_url(request, pk))

    def _switch(self, request: HttpRequest, switch: Switch, person: User, back: str) -> HttpResponse:
        done, refused = _MESSAGES[switch]
        try:
            outcome = switch.apply([person.pk], actor(request))
            why = next((why for _number, why in outcome.reasons), "")
        except ValidationError as refusal:
            why = " ".join(refusal.messages)
        if why:
            self.message_user(request, f"{refused} {why}", messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(back)

    # --- Permissions -------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Of the confined, only who assigns the new person to one of their warehouses."""
        return super().has_add_permission(request) and (
            not actor(request).is_confined or self.has_hire_permission(request)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for those who are deleted."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_deleted)

    def has_hire_permission(self, request: HttpRequest) -> bool:
        """Whether the form that creates a person also assigns warehouses."""
        return all(map(actor(request).may_somewhere, _HIRE))

    def get_actions(self, request: HttpRequest) -> Any:
        """Without bulk deletion: the page of a deletion counts what it ends."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}
