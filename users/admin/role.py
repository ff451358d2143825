"""Roles in the Back Office: what the people of a group may do, in plain words."""

from __future__ import annotations

from typing import Any

import django.contrib.auth.admin  # noqa: F401 (registers its own page of groups, which ours replaces)
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from users.models import User
from users.roles import offered_to

#: What each of Django's four kinds of permission is called, in the order in which they are shown.
_ACTIONS = {"view": _("see"), "add": _("create"), "change": _("change"), "delete": _("delete")}


class _Rights(forms.ModelMultipleChoiceField):
    """Each right by what it is about, in the reader's language."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, right: Any) -> str:
        model = right.content_type.model_class()
        action = right.codename.partition("_")[0]
        return f"{capfirst(model._meta.verbose_name_plural)}: {_ACTIONS[action]}"


class RoleForm(forms.ModelForm):
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
class RoleAdmin(ModelAdmin):
    """Administrators make roles of their own; four are there from the beginning."""

    form = RoleForm
    list_display = ("role",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = None

    @display(description=_("Role"), ordering="name")
    def role(self, group: Group) -> str:
        return gettext(group.name)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"title": gettext("Roles")} | (extra_context or {}))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"editor": request.user})

    # --- Writing ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        _lock_members(obj)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        _read_rights_again(request)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        _lock_members(obj)
        super().delete_model(request, obj)
        _read_rights_again(request)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)


def _lock_members(group: Group) -> None:
    """People before their roles (`users.locks`); it also lets no request of theirs be committed beside this."""
    if group.pk is not None:
        len(User.objects.filter(groups=group).order_by("pk").only("pk").locked())


def _read_rights_again(request: HttpRequest) -> None:
    """What somebody takes from their own role is no right lost meanwhile (`config.authority`)."""
    request.user = User.objects.get(pk=request.user.pk)
