"""Roles in the Back Office: Django's groups, with their permissions in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import django.contrib.auth.admin  # noqa: F401 (registers the page that `RoleAdmin` replaces)
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.back_office.model_admin import ModelAdmin
from config.back_office.rights import in_words
from config.database.search import Searched
from config.history.pages import HistoryAdminMixin, ReasonFormMixin
from users.account_actions import LastAdministratorError, administrator_required, locked_administrators
from users.models import Client, User
from users.roles import offered_to


class _Rights(forms.ModelMultipleChoiceField):
    """Permissions, labelled in the active language."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, right: Any) -> str:
        return in_words(f"{right.content_type.app_label}.{right.codename}")


class RoleForm(ReasonFormMixin, forms.ModelForm):
    """A role's name and permissions. Permissions that the editor may not give are kept."""

    #: The user who edits.
    actor: User
    permissions = _Rights(queryset=Permission.objects.none(), label=_("May"), required=False)

    class Meta:
        model = Group
        fields = ("name", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rights: Any = self.fields.get("permissions")
        if rights:  # not with view permission only
            rights.queryset = offered_to(self.actor)
            rights.help_text = _given_by(self.instance)

    def clean_permissions(self) -> QuerySet[Permission]:
        chosen = Q(pk__in=self.cleaned_data["permissions"])
        if self.instance.pk:
            chosen |= Q(pk__in=self.instance.permissions.exclude(pk__in=offered_to(self.actor).values("pk")))
        return Permission.objects.filter(chosen)


def _given_by(role: Group) -> str:
    """Which clients give the role by SCIM, or ""."""
    clients = Client.objects.filter(client_roles__role=role.pk or 0, provisions_people=True).order_by("name")
    text = _(
        "A directory gives this role to people: %(clients)s. What the role may do, whoever controls that directory "
        "may do."
    )
    names = ", ".join(client.name for client in clients)
    return text % {"clients": names} if names else ""


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(HistoryAdminMixin, ModelAdmin):
    """The four roles of a new site, and those that staff add. A role with more rights than the user is read only."""

    form = RoleForm
    list_title = _("Roles")
    list_display = ("role",)
    searched = Searched(("name__folded",), names=("name__folded",), uuids=())
    search_fields = ("name",)
    ordering = ("name",)
    actions = None
    readonly_fields = ("rights",)

    @display(description=_("Role"), ordering="name")
    def role(self, group: Group) -> str:
        return gettext(group.name)

    # --- Permissions --------------------------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_below(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_below(obj, request.user)

    # --- Create, edit, delete -----------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        writable = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        return ("name", "permissions", "change_reason") if writable else ("name", "rights")

    @display(description=_("May"))
    def rights(self, group: Group) -> str:
        """For users with view permission only."""
        held = group.permissions.values_list("content_type__app_label", "codename")
        return ", ".join(in_words(f"{app}.{codename}") for app, codename in held)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return self._under_lock(request, object_id, "change", view)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        view = partial(super().delete_view, request, object_id, extra_context)
        return self._under_lock(request, object_id, "delete", view)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who loses the role, instead of each row of the tables that join roles with permissions and people."""
        number = User.objects.filter(groups__in=objs).distinct().count()
        text = ngettext(
            "%(count)d person has this role and loses it.", "%(count)d people have this role and lose it.", number
        )
        missing, protected = super().get_deleted_objects(objs, request)[2:]
        return [text % {"count": number}], {self.opts.verbose_name_plural: len(objs)}, missing, protected

    def save_related(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        with administrator_required():
            super().save_related(request, *args, **kwargs)
        request.user = User.objects.get(pk=request.user.pk)  # `config.back_office.authority` compares with these rights

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        with administrator_required():
            super().delete_model(request, obj)
        request.user = User.objects.get(pk=request.user.pk)  # `config.back_office.authority` compares with these rights

    def _under_lock(self, request: HttpRequest, object_id: str | None, action: str, view: Callable[[], Any]) -> Any:
        """Writes in one transaction with all locks. Without administrators afterwards: an error, and no change."""
        role = self.get_object(request, unquote(object_id)) if object_id and request.method == "POST" else None
        if role is None or not request.user.has_perm(f"auth.{action}_group"):
            return view()  # nothing to lock, or refused by the view
        try:
            with _locked(role, request.user, action):
                return view()
        except LastAdministratorError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:auth_group_change", args=[role.pk]))


def _is_below(role: Group | None, user: Any) -> bool:
    return role is None or role.name in user.grantable_roles


@contextmanager
def _locked(role: Group, user: Any, action: str) -> Iterator[None]:
    """Locks administrators, then the members of a role, then the role: the order of `users.locks`.

    Checks the user's permissions again, because the transaction that held the locks may have revoked them. Raises
    PermissionDenied.
    """
    with transaction.atomic():
        locked_administrators()
        list(User.objects.filter(groups=role).order_by("pk").locked().values_list("pk"))
        locked = Group.objects.select_for_update().filter(pk=role.pk).first()
        editor = User.objects.get(pk=user.pk)
        if not (editor.is_staff and editor.has_perm(f"auth.{action}_group") and _is_below(locked, editor)):
            raise PermissionDenied
        yield
