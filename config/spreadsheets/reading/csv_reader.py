"""Reads CSV: detects its encoding and its delimiter, and bounds the lines of a row."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from config.spreadsheets.reading.headings import count_known, is_remark_above
from config.spreadsheets.reading.limits import MAX_ROW_CHARACTERS, too_long, too_wide
from config.spreadsheets.reading.tables import MAX_COLUMNS

_DELIMITERS = (",", ";", "\t", "|")
_BATCH_BYTES = 65_536


def read(content: bytes, known: Collection[str]) -> tuple[Iterator[tuple[int, Sequence[str]]], list[str]]:
    """Number and cells of every row, and notes. The known headings help to detect the delimiter."""
    encoding, notes = _encoding(content)
    delimiter, lines_before = _delimiter(_BoundedLines(content, encoding), known)
    bounded = _BoundedLines(content, encoding)
    lines = iter(bounded)
    for _line in range(lines_before):
        next(lines)
    bounded.begin_row(lines_before + 1)
    return _rows(csv.reader(lines, delimiter=delimiter), bounded, lines_before), notes


class _BoundedLines:
    """The lines of a file. Refuses a row whose lines are too long together before reading the rest of it."""

    def __init__(self, content: bytes, encoding: str) -> None:
        self._file = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
        self.begin_row(1)

    def begin_row(self, number: int) -> None:
        self._row, self._remaining = number, MAX_ROW_CHARACTERS

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(self._remaining + 1):
            self._remaining -= len(line)
            if "\0" in line:
                raise ValidationError(
                    _("This is neither a CSV file nor a spreadsheet (.xlsx or .ods). Start from the template.")
                )
            if self._remaining < 0:
                raise ValidationError(too_long(self._row))
            yield line


def _rows(reader: Any, lines: _BoundedLines, lines_before: int) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        for number, cells in enumerate(reader, start=lines_before + 1):
            if len(cells) > MAX_COLUMNS:
                raise ValidationError(too_wide())
            yield number, cells
            lines.begin_row(number + 1)
    except csv.Error:
        raise ValidationError(
            _("The file cannot be read as CSV after line %(line)s: a quotation mark or a cell is broken.")
            % {"line": reader.line_num + lines_before}
        ) from None


def _encoding(content: bytes) -> tuple[str, list[str]]:
    """UTF-16 if marked, else UTF-8 if valid, else the encoding of Excel for Windows, with a note."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        if _is_valid(content, encoding):
            words = _(
                "The file is not in UTF-8; it was read as Windows-1252. Look whether letters like ä and é are right."
            )
            return encoding, [words] if encoding == "cp1252" else []
    raise ValidationError(
        _("The letters in this file cannot be read. Save it as “CSV UTF-8”, or as an Excel file (.xlsx).")
    )


def _is_valid(content: bytes, encoding: str) -> bool:
    """Decodes in pieces: one text with a character beyond the BMP takes four bytes for every character."""
    pieces = (content[start : start + _BATCH_BYTES] for start in range(0, len(content), _BATCH_BYTES))
    try:
        return all(True for _text in codecs.iterdecode(pieces, encoding))
    except UnicodeDecodeError:
        return False


def _delimiter(lines: _BoundedLines, known: Collection[str]) -> tuple[str, int]:
    """The delimiter, and the number of lines before the first row: one if Excel declares it in the first line.

    Else it splits the first line that is neither blank nor a remark into the most known headings.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1 and (declared := re.fullmatch("sep=(.)", line.strip(), re.IGNORECASE)):
            return declared[1], 1
        text = line.replace('"', "").strip()
        splits = {delimiter: text.split(delimiter) for delimiter in _DELIMITERS}
        is_blank = not text.strip(" " + "".join(_DELIMITERS))
        if not (is_blank or all(is_remark_above(cells, known) for cells in splits.values())):
            return max(_DELIMITERS, key=lambda one: (count_known(splits[one], known), len(splits[one]))), 0
        lines.begin_row(number + 1)
    return _DELIMITERS[0], 0
