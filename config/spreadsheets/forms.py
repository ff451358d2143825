from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.history.pages import ReasonFormMixin
from config.spreadsheets.reading.limits import too_large


class UploadForm(ReasonFormMixin):
    """The file to import, and the reason for the history."""

    file = forms.FileField(
        label=_("CSV, Excel or LibreOffice file"),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.ods", "class": "import-file"}),
        error_messages={
            "required": _("Choose a file first."),
            "empty": _("The file is empty. Start from the template."),
        },
    )

    def __init__(self, *args: Any, has_too_large_file: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_too_large_file:
            self.fields["file"].error_messages["required"] = too_large()
