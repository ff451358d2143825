"""What a file may have at most, and the words that refuse more."""

from __future__ import annotations

from django.conf import settings
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
