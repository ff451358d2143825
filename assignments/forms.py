"""The form of the assign pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.back_office.periods import PeriodForm
from config.history.tracking import REASON
from config.identifiers import parse_key

#: The value of `current` for a user without a current warehouse.
NO_WAREHOUSE = "none"
_LARGEST_ID = 2**63 - 1
_CURRENT = rf"^([0-9]{{1,18}}|{NO_WAREHOUSE})\Z"


class IdsField(forms.Field):
    """Primary keys: a comma list or repeated values. Cleaned to a set of integers."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> set[int]:
        keys = {parse_key(text) for part in value or [] for text in str(part).split(",") if text}
        if None in keys:
            raise forms.ValidationError(_("The selection could not be read."))
        return {key for key in keys if key is not None}


class SelectionForm(PeriodForm):
    """The selection: `assign` and `deassign` from the script, or the checkboxes of one page without it.

    The period is that of the new assignments.
    """

    assign = IdsField(required=False)
    deassign = IdsField(required=False)
    #: Checkboxes that are ticked, and those that were when the page was rendered.
    ticked = IdsField(required=False)
    was_ticked = IdsField(required=False)
    #: The user's current warehouse after saving, and the one when the page was rendered.
    current = forms.RegexField(_CURRENT, required=False)
    was_current = forms.RegexField(_CURRENT, required=False)
    #: The newest history event when the page was rendered.
    seen = forms.IntegerField(required=False, min_value=0, max_value=_LARGEST_ID)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[REASON] = forms.CharField(required=False, max_length=255)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        data["assign"] |= data["ticked"] - data["was_ticked"]
        data["deassign"] |= data["was_ticked"] - data["ticked"]
        if data["current"] == data["was_current"]:
            data["current"] = ""  # an unchanged input must not revert another person's change
        if data["assign"] & data["deassign"]:
            raise forms.ValidationError(_("The selection could not be read."))
        return data

    @property
    def changes_current(self) -> bool:
        return bool(self.cleaned_data["current"])

    @property
    def changes_assignments(self) -> bool:
        return bool(self.cleaned_data["assign"] or self.cleaned_data["deassign"])
