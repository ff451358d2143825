"""The form of an OAuth client."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from config.history.edit_conflicts import EditConflictFormMixin
from config.history.pages import ReasonFormMixin
from users.models.client import Client


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
    """Client ID and kind can be set at registration only."""

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

    class Meta:
        model = Client
        fields = ("client_id", "name", "redirect_uris", "allowed_origins", "is_confidential", "reads_reasons")
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
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in (
                "client_id",
                "is_confidential",
            ):  # `Meta.exclude` has no effect on declared fields
                self.fields.pop(name, None)
