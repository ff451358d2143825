from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from spreadsheets.files import MAX_BYTES


class UploadForm(forms.Form):
    """The file to import, and why."""

    file = forms.FileField(
        label=_("CSV or Excel file"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx", "class": "import-file"}),
        error_messages={"required": _("Choose a file first.")},
    )
    change_reason = forms.CharField(
        label=_("Reason (optional, kept in the history)"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, has_too_large_file: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_too_large_file:
            size = {"size": MAX_BYTES // 1024**2}
            self.fields["file"].error_messages["required"] = (
                _("The file is too large: at most %(size)s MB. Split it into several files.") % size
            )

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if not file.size:
            raise ValidationError(_("The file is empty. Start from the template."))
        return file
