"""Roles in the Back Office: what the people of a group may do, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django.contrib.auth.admin  # noqa: F401 (registers its own page of groups, which ours replaces)
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.history_admin import HistoryAdminMixin, ReasonFormMixin
from config.model_admin import ModelAdmin
from config.rights import in_words
from users.account_actions import LastAdministratorError, an_administrator_stays, hold_administrators
from users.models import User
from users.roles import offered_to


class _Rights(forms.ModelMultipleChoiceField):
    """Each right by what it is about, in the reader's language."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, right: Any) -> str:
        return in_words(f"{right.content_type.app_label}.{right.codename}")


class RoleForm(ReasonFormMixin, forms.ModelForm):
    """A role's name and rights. What its editor may not give stays as it is."""

    editor: User
    permissions = _Rights(queryset=Permission.objects.none(), label=_("May"), required=False)

    class Meta:
        model = Group
        fields = ("name", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rights: Any = self.fields.get("permissions")
        if rights:  # not for who may only look
            rights.queryset = offered_to(self.editor)

    def clean_permissions(self) -> QuerySet[Permission]:
        chosen = Q(pk__in=self.cleaned_data["permissions"])
        if self.instance.pk:
            chosen |= Q(pk__in=self.instance.permissions.exclude(pk__in=offered_to(self.editor).values("pk")))
        return Permission.objects.filter(chosen)


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(HistoryAdminMixin, ModelAdmin):
    """Who may change roles makes roles of their own; four are there from the beginning.

    Nobody changes or deletes a role that may do more than they themselves.
    """

    form = RoleForm
    list_display = ("role",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = None
    readonly_fields = ("rights",)

    @display(description=_("Role"), ordering="name")
    def role(self, group: Group) -> str:
        return gettext(group.name)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"title": gettext("Roles")} | (extra_context or {}))

    # --- Who may ------------------------------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_below(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_below(obj, request.user)

    # --- Create, edit, delete -----------------------------------------------------------------------------------
    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"editor": request.user})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        writable = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        return ("name", "permissions", "change_reason") if writable else ("name", "rights")

    @display(description=_("May"))
    def rights(self, group: Group) -> str:
        """For who may only look."""
        held = group.permissions.values_list("content_type__app_label", "codename")
        return ", ".join(in_words(f"{app}.{codename}") for app, codename in held)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        view = super().changeform_view
        if request.method != "POST" or object_id is None:
            return view(request, object_id, form_url, extra_context)
        return self._under_lock(request, object_id, "change", lambda: view(request, object_id, form_url, extra_context))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        view = super().delete_view
        if request.method != "POST":
            return view(request, object_id, extra_context)
        return self._under_lock(request, object_id, "delete", lambda: view(request, object_id, extra_context))

    def save_related(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        with an_administrator_stays():
            super().save_related(request, *args, **kwargs)
        _read_rights_again(request)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        with an_administrator_stays():
            super().delete_model(request, obj)
        _read_rights_again(request)

    def _under_lock(self, request: HttpRequest, object_id: str, action: str, act: Callable[[], Any]) -> Any:
        """Acts all or nothing, on what is so while nobody else can change it. Says so if no administrator were left."""
        role = self.get_object(request, unquote(object_id))
        if role is None or not request.user.has_perm(f"auth.{action}_group"):
            return act()  # which refuses
        try:
            with _held(role, request.user, action):
                return act()
        except LastAdministratorError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:auth_group_change", args=[role.pk]))


def _is_below(role: Group | None, user: Any) -> bool:
    return role is None or role.name in user.grantable_roles


@contextmanager
def _held(role: Group, user: Any, action: str) -> Iterator[None]:
    """Locks administrators, then the people of a role, then the role, whose change touches its people.

    Whoever had to wait is judged again: they may have lost their rights to the one they waited for. Raises
    PermissionDenied.
    """
    with transaction.atomic():
        hold_administrators()
        list(User.objects.filter(groups=role).order_by("pk").locked().values_list("pk"))
        held = Group.objects.select_for_update().filter(pk=role.pk).first()
        editor = User.objects.get(pk=user.pk)
        if not (editor.is_staff and editor.has_perm(f"auth.{action}_group") and _is_below(held, editor)):
            raise PermissionDenied
        yield


def _read_rights_again(request: HttpRequest) -> None:
    """What somebody takes from their own role is no right lost meanwhile (`config.authority`)."""
    request.user = User.objects.get(pk=request.user.pk)
