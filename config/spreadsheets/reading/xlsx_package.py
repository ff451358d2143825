"""The parts of an XLSX file (ECMA-376, Transitional and Strict), except its sheets: found by their relationships.

The names of parts are compared without letter case (part 2, section 6.2.2.3), as other programs than Excel need.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple
from xml.parsers import expat

from config.spreadsheets.reading.tables import Refusal, WorkbookRefusedError

_MAIN = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
_CHUNK_BYTES = 65_536
#: More than Excel has, or than the rows of a file that is not refused.
_MAX_FORMATS, _MAX_STRINGS, _MAX_STRING_CHARACTERS = 65_500, 1_000_000, 10_000_000
#: Numbers of built-in formats of dates and times (part 1, section 18.8.30).
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
#: What is no letter of a date in a format: quoted text, colours and languages, and escaped characters.
_NO_DATE = re.compile(r'"[^"]*"|\[(?!hh?\]|mm?\]|ss?\])[^\]]*\]|[_\\*].')
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], Any]


class SheetPart(NamedTuple):
    name: str
    is_hidden: bool
    part: str


class Package:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {_normalized(member.filename): member for member in archive.infolist()}
        found = [part for kind, part in self._relations("").values() if kind == "officeDocument"]
        self._workbook = found[0] if found else "xl/workbook.xml"
        if self._workbook.endswith(".bin"):
            raise WorkbookRefusedError(Refusal.BINARY)
        if self._workbook not in self._members:
            raise WorkbookRefusedError(Refusal.NO_WORKBOOK)
        self.is_1904 = False
        self.sheets: list[SheetPart] = []
        self._read_workbook()
        self.strings = _Strings(self)
        self.is_date = _Styles(self).is_date()

    def open(self, part: str) -> IO[bytes]:
        return self._archive.open(self._members[part])

    def parts_of(self, kind: str) -> list[str]:
        """The workbook's parts of this kind; without a relationship, the one with the usual name."""
        related = [part for found, part in self._related.values() if found == kind]
        usual = posixpath.join(posixpath.dirname(self._workbook), f"{kind.lower()}.xml")
        return [part for part in related or [usual] if part in self._members]

    def parse(self, part: str, root: str, start: Start, end: Any = None, text: Any = None) -> Iterator[None]:
        """Calls the handlers with names of elements of SpreadsheetML, without namespace. Yields after each piece."""

        is_begun = False

        def checked_start(name: str, attributes: dict[str, str]) -> None:
            nonlocal is_begun
            namespace, _blank, local = name.rpartition(" ")
            if not is_begun and (local != root or namespace not in _MAIN):
                raise WorkbookRefusedError(Refusal.OTHER_DIALECT if local == root else Refusal.NO_WORKBOOK)
            is_begun = True
            if namespace in _MAIN:
                start(local, attributes)

        parser = _parser(checked_start)
        parser.EndElementHandler = end and (lambda name: end(name.rpartition(" ")[2]))
        parser.CharacterDataHandler = text
        with self.open(part) as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                parser.Parse(chunk)
                yield
            parser.Parse(b"", True)
            yield

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Id → kind and part of what a part refers to; "" is the package."""
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, tuple[str, str]] = {}

        def start(_name: str, attributes: dict[str, str]) -> None:
            if {"Id", "Type", "Target"} <= attributes.keys():
                target = _normalized(attributes["Target"])
                is_absolute = attributes["Target"][:1] in "/\\"
                path = target if is_absolute else posixpath.normpath(posixpath.join(folder, target))
                found[attributes["Id"]] = attributes["Type"].rpartition("/")[2], path

        if relations in self._members:
            with self.open(relations) as opened:
                _parser(start).ParseFile(opened)
        return found

    def _read_workbook(self) -> None:
        self._related = self._relations(self._workbook)

        def start(name: str, attributes: dict[str, str]) -> None:
            if name == "workbookPr":
                self.is_1904 = attributes.get("date1904") in ("1", "true")
            elif name == "sheet":
                (relation,) = (text for key, text in attributes.items() if key.endswith("/relationships id"))
                kind, part = self._related[relation]
                if kind == "worksheet":
                    state = attributes.get("state", "visible")
                    self.sheets.append(SheetPart(attributes.get("name", ""), state != "visible", part))

        deque(self.parse(self._workbook, "workbook", start), maxlen=0)


class _Strings(list[str]):
    """The shared strings."""

    def __init__(self, package: Package) -> None:
        super().__init__()
        self._text: list[str] = []
        self._is_text = self._is_phonetic = False
        self._characters = 0
        for part in package.parts_of("sharedStrings"):
            deque(package.parse(part, "sst", self._start, self._end, self._add), maxlen=0)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._is_phonetic |= name == "rPh"
        self._is_text = name == "t" and not self._is_phonetic

    def _end(self, name: str) -> None:
        self._is_text = False
        if name == "rPh":
            self._is_phonetic = False
        elif name == "si":
            self.append(unescaped("".join(self._text)))
            self._text.clear()
            if len(self) > _MAX_STRINGS:
                raise WorkbookRefusedError(Refusal.TOO_LARGE)

    def _add(self, text: str) -> None:
        if self._is_text:
            self._characters += len(text)
            self._text.append(text)
            if self._characters > _MAX_STRING_CHARACTERS:
                raise WorkbookRefusedError(Refusal.TOO_LARGE)


class _Styles:
    def __init__(self, package: Package) -> None:
        self._formats: dict[int, str] = {}
        self._styles: list[int] = []
        self._within = ""
        for part in package.parts_of("styles"):
            deque(package.parse(part, "styleSheet", self._start), maxlen=0)

    def is_date(self) -> list[bool]:
        """For each number of a style, whether its cells are dates."""
        dates = {number: _is_date_format(code) for number, code in self._formats.items()}
        return [dates.get(number, number in _DATE_FORMATS) for number in self._styles]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("cellXfs", "cellStyleXfs", "dxfs"):
            self._within = name
        elif name == "numFmt":
            self._formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name == "xf" and self._within == "cellXfs":
            self._styles.append(int(attributes.get("numFmtId", 0)))
        if len(self._styles) + len(self._formats) > _MAX_FORMATS:
            raise WorkbookRefusedError(Refusal.TOO_LARGE)


def _is_date_format(code: str) -> bool:
    return re.search("[dmyhs]", _NO_DATE.sub("", code).partition(";")[0], re.IGNORECASE) is not None


def unescaped(text: str) -> str:
    """Excel writes characters that XML lacks as `_x000D_` (part 1, section 22.9.2.19)."""
    return _ESCAPED.sub(lambda found: _character(int(found[1], 16)), text) if "_x" in text else text


def _character(code: int) -> str:
    """As an export replaces them: most of these are not allowed in a database or in XML."""
    is_allowed = code in (9, 10, 13) or (code >= 32 and not 0xD800 <= code <= 0xDFFF and code < 0xFFFE)
    return chr(code) if is_allowed else "\ufffd"


def _normalized(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _parser(start: Start) -> Any:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_declared: Any) -> None:
    """It could declare entities that expand to any size."""
    raise WorkbookRefusedError(Refusal.DAMAGED)
