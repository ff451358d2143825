"""The form of an OAuth client."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from config.history.edit_conflicts import EditConflictFormMixin
from config.history.pages import ReasonFormMixin
from config.identifiers import parse_key
from users.forms.person import GroupChoiceField
from users.models import ClientRole, User
from users.models.oauth.client import PROVISIONING, Client
from users.roles import grantable_by

#: The fields about provisioning.
PROVISIONING_FIELDS = ("provisions_people", "roles")


def may_let_provision(user: User) -> bool:
    """Whether a user may let a client provision people: who may do everything that it does."""
    return settings.SCIM_ENABLED and all(map(user.may, PROVISIONING))


class LinesField(forms.Field):
    """An array field of the client as a textarea, one value per line. Ignores empty lines and duplicates."""

    def __init__(self, array: str, **kwargs: Any) -> None:
        self.each = Client._meta.get_field(array).base_field  # type: ignore[union-attr]
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        lines = (line.strip() for line in (value or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def validate(self, value: list[str]) -> None:
        """Raises ValidationError with one error per bad line."""
        super().validate(value)
        if errors := [error for line in value for error in self._errors(line)]:
            raise ValidationError(errors)

    def _errors(self, line: str) -> list[Any]:
        try:
            self.each.run_validators(line)
        except ValidationError as refusal:
            if len(line) <= self.each.max_length:
                return refusal.error_list
            params = {"line": f"{line[:60]}…", "most": self.each.max_length}
            return [ValidationError(_("“%(line)s” is longer than %(most)s characters."), params=params)]
        return []

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or []) != self.to_python(data)


class ClientForm(EditConflictFormMixin, ReasonFormMixin, forms.ModelForm):
    """Client ID and kind can be set at registration only.

    Only who may do what a directory does can let a client do it, and give it no role that they could not give.
    """

    #: The user who edits.
    actor: User

    redirect_uris = LinesField(
        "redirect_uris",
        label=_("Redirect addresses"),
        help_text=_(
            "Where people may be sent back to after signing in, one address per line, such as "
            "https://app.example.com/oauth/cb. It must be the same to the letter as the one the client names."
        ),
    )
    allowed_origins = LinesField(
        "allowed_origins",
        label=_("Allowed origins"),
        help_text=_(
            "Only for an app that runs in a browser: the site its pages come from, one per line, such as "
            "https://app.example.com. Pages of other sites cannot read our answers."
        ),
    )
    is_confidential = forms.TypedChoiceField(
        label=_("This client can keep a secret"),
        help_text=_("This cannot be changed later."),
        choices=[
            (False, _("No: it is an app in a browser or on a phone, where anybody could find the secret.")),
            (True, _("Yes: it is a program on a server, out of the reach of other people.")),
        ],
        coerce=lambda text: text == "True",
        widget=UnfoldAdminRadioSelectWidget,
        initial=False,
    )

    roles = GroupChoiceField(
        label=_("Roles that it may give"),
        queryset=Group.objects.none(),
        required=False,
        show_hidden_initial=True,  # so that only what was changed on the page is saved
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Its groups are these roles. It cannot change anybody who has another role."),
    )

    class Meta:
        model = Client
        fields = (
            "client_id",
            "name",
            "redirect_uris",
            "allowed_origins",
            "is_confidential",
            "reads_reasons",
            "provisions_people",
        )
        help_texts = {
            "client_id": _(
                "What the program calls itself when it asks for tokens: letters, digits, dots, hyphens, underscores "
                "and tildes. This cannot be changed later."
            ),
            "name": _("What staff call it."),
            "reads_reasons": _(
                "Only for a program that asks whether somebody may work in a warehouse, and shows its staff why not: "
                "blocked, employment ended, not assigned and the like. Without this it is told yes or no."
            ),
            "provisions_people": _(
                "Only for the directory of your company, such as Entra ID or Okta: it creates, changes, deactivates "
                "and deletes users, and assigns them to warehouses. A client that is there already gets a new secret."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in ("client_id", "is_confidential"):  # `Meta.exclude` has no effect on declared fields
                self.fields.pop(name, None)
        if may_let_provision(self.actor):
            roles: Any = self.fields["roles"]
            roles.queryset = grantable_by(self.actor).order_by("name")
            self.initial["roles"] = Group.objects.filter(client_roles__client=self.instance.pk or 0)
        else:
            for name in PROVISIONING_FIELDS:
                self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        is_confidential = data.get("is_confidential", self.instance.is_confidential)
        if data.get("provisions_people") and not is_confidential:
            self.add_error("provisions_people", _("Only a program that can keep a secret can do this."))
        if data.get("roles") and not data.get("provisions_people"):
            self.add_error("roles", _("Tick that it may provision people, or choose no role."))
        return data

    def save_roles(self) -> None:
        """After the client is saved, in the same transaction: what was ticked and what no longer is. Roles that others
        gave or took meanwhile stay so."""
        if "roles" not in self.changed_data:
            return
        sent: Any = self.data
        shown = {parse_key(text) for text in sent.getlist(self["roles"].html_initial_name)}
        chosen = {role.pk for role in self.cleaned_data["roles"]}
        self.instance.client_roles.filter(role__in=shown - chosen).delete()
        rows = [ClientRole(client=self.instance, role_id=pk) for pk in sorted(chosen - shown)]
        ClientRole.objects.bulk_create(rows, ignore_conflicts=True)

    @property
    def begins_to_provision(self) -> bool:
        """Whether an existing client may do so from now on. Who may do less than it may know its secret."""
        return bool(self.instance.pk and "provisions_people" in self.changed_data and self.instance.provisions_people)
