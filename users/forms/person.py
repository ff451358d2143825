"""The form of a person (contract 5.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from config.back_office.periods import DayField, last_day, period_of
from config.history.edit_conflicts import EditConflictFormMixin
from config.history.pages import ReasonFormMixin
from users.account.sign_in_names import propose_sign_in_name
from users.account_actions import LastAdministratorError, require_other_administrator
from users.models import User
from users.models.user import EMAIL_REFUSED
from users.roles import grantable_by, make_administrators
from users.sign_in.company_accounts import hints

#: What nobody changes for themselves.
_NOT_OWN = {"status", "employed_until", "is_warehouse_user", "is_confined", "company_account_only"}
_OWN = _("You cannot change this for yourself. Ask a colleague.")
_PASSWORD: dict[str, Any] = {
    "required": False,
    "strip": False,
    "widget": UnfoldAdminPasswordWidget(
        attrs={"autocomplete": "new-password", "data-propose": _("Propose a password")}
    ),
    "error_messages": {"required": _("This value should not be blank.")},
}


class NoMailboxField(forms.BooleanField):
    """Ticked where the column `has_mailbox` is false."""

    def prepare_value(self, value: Any) -> Any:
        return not value

    def bound_data(self, data: Any, initial: Any) -> Any:
        return not data

    def clean(self, value: Any) -> bool:
        return not super().clean(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(not initial, data)


class GroupChoiceField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return gettext(obj.name)  # the shipped roles have translations; other groups keep their names


class UserForm(EditConflictFormMixin, ReasonFormMixin, forms.ModelForm):
    """Create or edit a person. Offers and accepts only the groups that the user may grant."""

    #: The user who edits.
    actor: User

    has_mailbox = NoMailboxField(
        label=_("Has no e-mail"),
        initial=True,
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_(
            "Nothing is ever sent to them. Leave the e-mail empty for a sign-in name made from their name. For a new "
            "user, leave both passwords empty, too, and print a temporary one."
        ),
    )
    #: The last day. Saved is the moment at which it ends.
    employed_until = DayField(_("Employed until (inclusive)"))
    employed_until.help_text = _("The last day on which they can sign in. Leave it empty if no end is known.")
    password1 = forms.CharField(label=_("Password"), help_text=password_validators_help_text_html, **_PASSWORD)
    password2 = forms.CharField(label=_("Repeat Password"), **_PASSWORD)
    groups = GroupChoiceField(
        label=_("Roles"),
        queryset=Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What a Back Office user may do. A warehouse user needs none."),
    )

    class Meta:
        model = User
        fields = (
            "email", "has_mailbox", "first_name", "last_name", "status", "employed_until", "language",
            "is_warehouse_user", "is_superuser", "groups", "is_confined",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "has_mailbox" in self.fields:
            self.fields["has_mailbox"].widget.attrs["data-names"] = reverse("admin:users_user_sign_in_name")
            if self._has_no_mailbox:
                self.fields["email"].required = False
        if "password1" in self.fields:  # absent with view permission only
            self._prepare_passwords()
            self._prepare_rights()
        self.with_emails = not self.actor.is_confined
        self.initial["employed_until"] = last_day(self.instance.employment)
        if self.instance.pk is not None and self.instance.pk == self.actor.pk:
            for name in _NOT_OWN & set(self.fields):
                self.fields[name].disabled = True
                self.fields[name].help_text = _OWN

    def _prepare_rights(self) -> None:
        """The confined give no rights."""
        if self.actor.is_confined:
            del self.fields["groups"]
        else:
            groups: Any = self.fields["groups"]
            groups.queryset = grantable_by(self.actor).order_by("name")
            for name, text in hints(self.instance).items():
                self.fields[name].help_text = text

    def _prepare_passwords(self) -> None:
        if self.instance.pk is None:
            is_required = not self._has_no_mailbox
            self.fields["password1"].required = self.fields["password2"].required = is_required
        else:
            text = _("Leave it empty to keep the password. A new one signs the person out everywhere.")
            self.fields["password1"].help_text = text

    @property
    def _has_no_mailbox(self) -> bool:
        """As the submitted form says."""
        return self.is_bound and bool(self.data.get(self.add_prefix("has_mailbox")))

    def clean_employed_until(self) -> datetime | None:
        return period_of(None, self.cleaned_data["employed_until"], self.instance.employment).ends_at

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        namesakes = User.objects.by_email(email).exclude(pk=self.instance.pk)
        if self.actor.is_confined and namesakes.exists() and not namesakes.visible_to(self.actor).exists():
            raise ValidationError(EMAIL_REFUSED)
        if namesake := namesakes.first():
            if namesake.is_deleted:
                raise ValidationError(_restorable(namesake))
            raise ValidationError(_("User with email “%(email)s” already exists."), params={"email": email})
        return email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first_name, last_name = data.get("first_name"), data.get("last_name")
        if data.get("email") == "" and first_name and last_name:  # a person without a mailbox
            data["email"] = propose_sign_in_name(first_name, last_name, self.actor)
        if data.get("password1") != data.get("password2") and not self.errors.keys() & {"password1", "password2"}:
            self.add_error("password2", _("The password fields must match."))
        if "groups" in self.fields:
            self._clean_rights(data)
        if data.get("password1") and not self.errors:
            self._digest = make_password(data["password1"])  # slow: before the lock
        self._require_other_administrator()
        return data

    def _clean_rights(self, data: dict[str, Any]) -> None:
        if not (data.get("is_warehouse_user") or self._is_superuser or data.get("groups")):
            self.add_error("groups", _("Choose at least one role, or make this person a warehouse user."))
        if data.get("is_confined") and not self.instance.is_confined and data.get("is_warehouse_user"):
            self.add_error("is_confined", _("Only for Back Office users: warehouse users have no rights."))
        if data.get("is_confined") and self._is_superuser:
            self.add_error("is_confined", _("A superuser has all rights everywhere."))

    def _require_other_administrator(self) -> None:
        if self.instance.pk is not None and "groups" in self.fields and not self._stays_administrator():
            try:
                require_other_administrator({self.instance.pk})
            except LastAdministratorError as refusal:
                self.add_error(None, refusal)

    def _stays_administrator(self) -> bool:
        data = self.cleaned_data
        has_rights = self._is_superuser or make_administrators(data.get("groups", ()), self.instance)
        is_active = data.get("status") == User.Status.ACTIVE and data.get("employed_until") is None
        is_confined = data.get("is_confined", self.instance.is_confined)
        return has_rights and is_active and not (data.get("is_warehouse_user") or is_confined)

    @property
    def _is_superuser(self) -> bool:
        return bool(self.cleaned_data.get("is_superuser", self.instance.is_superuser))

    def compared_rows(self) -> list[Any]:
        """Also the user, if they edit themselves: saving renews their session, which may have been ended."""
        own = [self.actor] if self.actor.pk == self.instance.pk else []
        return [*super().compared_rows(), *own]

    def report_conflict(self, seen: int | None) -> None:
        """Asks for the password again, because pages never contain the entered one."""
        super().report_conflict(seen)
        if self.cleaned_data.get("password1"):
            self.add_error("password1", _("Enter the password again."))

    def full_clean(self) -> None:
        """Validates the password last: the validators compare it with the entered names."""
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
        elif self.instance.pk is None:
            self.instance.set_unusable_password()
        return super().save(commit)


def _restorable(person: User) -> Any:
    """The message about a deleted person with the e-mail, with a link to their page, which has the button."""
    url = reverse("admin:users_user_view", args=[person.pk])
    return format_html(
        '{} <a class="text-link" href="{}">{}</a>',
        _("A deleted user has this e-mail."),
        url,
        gettext("Open %(name)s to restore them.") % {"name": person.get_full_name() or person.email},
    )
