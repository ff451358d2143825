"""What a file may have at most, the words that refuse more, and the upload handler that stops reading it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from config.spreadsheets.reading.tables import MAX_COLUMNS

#: Maximum size of an upload, and of the text in it.
MAX_BYTES = settings.MAX_UPLOAD_BYTES
MAX_ROWS = 20_000
#: Maximum of one row: Excel's maximum of one cell.
MAX_ROW_CHARACTERS = 32_767


def too_large() -> str:
    size = {"size": MAX_BYTES // 1024**2}
    return _("The file is too large: at most %(size)s MB. Split it into several files.") % size


def too_many_rows() -> str:
    rows = {"rows": number_format(MAX_ROWS, force_grouping=True)}
    return _("The file has more than %(rows)s rows. Split it into several files.") % rows


def too_wide() -> str:
    return _("The file has more than %(columns)s columns. Start from the template.") % {"columns": MAX_COLUMNS}


def too_long(row: int) -> str:
    return _(
        "Row %(row)s has more than %(characters)s characters. If it should not, look for a missing quotation mark."
    ) % {"row": row, "characters": number_format(MAX_ROW_CHARACTERS, force_grouping=True)}


class SizeLimit(FileUploadHandler):
    """The first upload handler, since `DATA_UPLOAD_MAX_MEMORY_SIZE` does not count files.

    Discards a larger file and sets `request.has_too_large_file` for the form.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > MAX_BYTES:
            self.request.has_too_large_file = True  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None  # the file is the next handler's
