"""Creating and editing people in the Back Office (contract 5.2)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from assignments.models import WarehouseUserAssignment
from config.history_admin import ReasonFormMixin
from config.meanwhile import MeanwhileFormMixin
from users.account_actions import LastAdministratorError, keep_an_administrator
from users.models import User
from users.roles import grantable_by, make_administrators
from warehouses.models import Warehouse

_OWN = _("You cannot change this for yourself. Ask a colleague.")


class GroupChoiceField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return gettext(obj.name)  # the shipped roles have translations; other groups keep their names


class UserForm(MeanwhileFormMixin, ReasonFormMixin, forms.ModelForm):
    """A person's page. `actor` is who edits it; what they may not give is not offered, and refused if sent."""

    actor: User

    password1 = forms.CharField(
        label=_("Password"), required=False, strip=False, help_text=password_validators_help_text_html
    )
    password2 = forms.CharField(label=_("Repeat Password"), required=False, strip=False)
    groups = GroupChoiceField(
        label=_("Assigned groups"),
        queryset=Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What a Back Office user may do. A warehouse user needs none."),
    )

    class Meta:
        model = User
        fields = (
            "email", "first_name", "last_name", "status", "language", "is_warehouse_user", "is_superuser", "groups"
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password1" in self.fields:  # none for those who may only look
            self._prepare_password()
            self._prepare_groups()
        if self.instance.pk is not None and self.instance.pk == self.actor.pk:
            for name in {"status", "is_warehouse_user"} & set(self.fields):
                self.fields[name].disabled = True
                self.fields[name].help_text = _OWN

    def _prepare_password(self) -> None:
        for name in ("password1", "password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
            self.fields[name].required = self.instance.pk is None
            self.fields[name].error_messages["required"] = _("This value should not be blank.")
        if self.instance.pk is not None:
            self.fields["password1"].help_text = _(
                "Leave it empty to keep the password. A new one signs the person out everywhere."
            )

    def _prepare_groups(self) -> None:
        """Offers what the actor may give. Whoever is in another group they may not edit at all."""
        offered: Any = self.fields["groups"]
        offered.queryset = grantable_by(self.actor).order_by("name")

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        if User.objects.by_email(email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("User with email “%(email)s” already exists."), params={"email": email})
        return email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("password1") != data.get("password2") and not self.errors.keys() & {"password1", "password2"}:
            self.add_error("password2", _("The password fields must match."))
        if not (data.get("is_warehouse_user") or self._is_superuser or data.get("groups")):
            self.add_error("groups", _("Choose at least one group, or make this person a warehouse user."))
        if data.get("password1") and not self.errors:
            self._digest = make_password(data["password1"])  # takes long: before anybody is locked
        self._keep_an_administrator()
        return data

    def _keep_an_administrator(self) -> None:
        if self.instance.pk is None or self._stays_administrator():
            return
        try:
            keep_an_administrator({self.instance.pk})
        except LastAdministratorError as refusal:
            self.add_error(None, refusal)

    def _stays_administrator(self) -> bool:
        data = self.cleaned_data
        has_rights = self._is_superuser or make_administrators(data.get("groups", ()), self.instance)
        return has_rights and data.get("status") == User.Status.ACTIVE and not data.get("is_warehouse_user")

    @property
    def _is_superuser(self) -> bool:
        return bool(self.cleaned_data.get("is_superuser", self.instance.is_superuser))

    def judged_rows(self) -> list[Any]:
        """Whoever edits themselves stays signed in, which must not bring back a session that was ended meanwhile."""
        own = [self.actor] if self.actor.pk == self.instance.pk else []
        return [*super().judged_rows(), *own]

    def refuse_for_now(self, seen: int | None) -> None:
        """No page shows a password again, so this one cannot be kept."""
        super().refuse_for_now(seen)
        if self.cleaned_data.get("password1"):
            self.add_error("password1", _("Enter the password again."))

    def full_clean(self) -> None:
        """The password is judged last: it must not be too much like the names just entered."""
        super().full_clean()
        password = self.cleaned_data.get("password1") if self.is_bound else ""
        if password and "password2" not in self.errors:
            try:
                validate_password(password, self.instance)
            except ValidationError as weakness:
                self.add_error("password1", weakness)

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["password1"]:
            self.instance.password = self._digest
        return super().save(commit)


class ReasonForm(ReasonFormMixin):
    """What is asked before something is done to one person or many."""


class WarehousesForm(ReasonFormMixin):
    """Which warehouses to give to many people. Found by typing, however many there are."""

    field_order = ("warehouses", "change_reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = forms.ModelMultipleChoiceField(
            label=_("Warehouses"),
            queryset=Warehouse.objects.all(),
            widget=AutocompleteSelectMultiple(WarehouseUserAssignment._meta.get_field("warehouse"), admin.site),
        )
        self.fields = {"warehouses": field, **self.fields}
