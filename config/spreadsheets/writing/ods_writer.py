"""Writes OpenDocument spreadsheets (ODF 1.3) whose cells are texts, row by row."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

MEDIA_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_PREFIX = "urn:oasis:names:tc:opendocument:xmlns"
_MANIFEST = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest xmlns:manifest="{_PREFIX}:manifest:1.0" '
    f'manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:media-type="{MEDIA_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)
_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content xmlns:office="{_PREFIX}:office:1.0" '
    f'xmlns:table="{_PREFIX}:table:1.0" xmlns:text="{_PREFIX}:text:1.0" office:version="1.3">'
    "<office:body><office:spreadsheet>"
)
_FOOT = "</office:spreadsheet></office:body></office:document-content>"


def write(tables: Iterable[tuple[str, Iterable[Sequence[str]]]]) -> bytes:
    """The file. Each table has a name and rows."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", MEDIA_TYPE, zipfile.ZIP_STORED)  # the first, not compressed (part 2, section 3.3)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        with archive.open("content.xml", "w") as content:
            content.write(_HEAD.encode())
            for name, rows in tables:
                content.write(f"<table:table table:name={quoteattr(name)}>".encode())
                for row in rows:
                    content.write(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>\n".encode())
                content.write(b"</table:table>")
            content.write(_FOOT.encode())
    return file.getvalue()


def _cell(text: str) -> str:
    if not text:
        return "<table:table-cell/>"
    lines = "".join(f"<text:p>{_line(line)}</text:p>" for line in re.split(r"\r\n|\r|\n", text))
    return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


def _line(text: str) -> str:
    """White space at an end, and more than one space, would count as one space or none."""
    spaced = re.sub(r"^ | {2,}| $", lambda found: f'<text:s text:c="{len(found[0])}"/>', escape(text))
    return spaced.replace("\t", "<text:tab/>")
