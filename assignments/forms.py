"""What the assign pages post: which rows were ticked and unticked, and where the person is to stand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.history.tracking import REASON
from config.identifiers import parse_key

#: Posted as `standing`: the person is to stand nowhere.
NOWHERE = "none"
_LARGEST_ID = 2**63 - 1
_STANDING = rf"^([0-9]{{1,18}}|{NOWHERE})\Z"


class IdsField(forms.Field):
    """Primary keys: one comma list, or one value for each check box. Cleaned to a set of numbers."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> set[int]:
        keys = {parse_key(text) for part in value or [] for text in str(part).split(",") if text}
        if None in keys:
            raise forms.ValidationError(_("The selection could not be read."))
        return {key for key in keys if key is not None}


class SelectionForm(forms.Form):
    """A selection. With scripts it comes as `assign` and `deassign`; without, as the check boxes of one page."""

    assign = IdsField(required=False)
    deassign = IdsField(required=False)
    #: Check boxes that came ticked, and that were ticked when the page was made.
    ticked = IdsField(required=False)
    was_ticked = IdsField(required=False)
    standing = forms.RegexField(_STANDING, required=False)
    was_standing = forms.RegexField(_STANDING, required=False)
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
        if data["standing"] == data["was_standing"]:
            data["standing"] = ""  # what nobody touched must not undo what another did meanwhile
        if data["assign"] & data["deassign"]:
            raise forms.ValidationError(_("The selection could not be read."))
        return data

    @property
    def switches(self) -> bool:
        """Whether it says anything about where the person is to stand."""
        return bool(self.cleaned_data["standing"])

    @property
    def selects(self) -> bool:
        return bool(self.cleaned_data["assign"] or self.cleaned_data["deassign"])
