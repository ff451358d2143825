"""What tests of spreadsheets do again and again: upload, apply, and read what came of it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from django.test import Client
from openpyxl import Workbook

from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Export, FaultPage, Import

USERS = "/admin/users/user/"
ASSIGNMENTS = "/admin/assignments/warehouseuserassignment/"
PEOPLE_HEADINGS = "email,first_name,last_name,is_warehouse_user,language,status,groups,password"


def upload(client: Client, page: str, content: str | bytes, name: str = "people.csv", sheet: str = "") -> Import:
    """Sends a file and lets it be checked, as the thread would."""
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    file.name = name
    answer = client.post(f"{page}import/{sheet}", {"file": file, "change_reason": "the new season"})
    assert answer.status_code == 302, answer.context["form"].errors
    job = Import.objects.get(pk=answer["Location"].split("/")[-2])
    worker.run(job)
    job.refresh_from_db()
    return job


def choose(client: Client, page: str, job: Import, step: str, **form: str) -> Import:
    """Presses a button of the page of an import, and lets the file be checked or applied."""
    assert client.post(f"{page}import/{job.pk}/{step}/", form).status_code == 302
    job.refresh_from_db()
    worker.run(job)
    job.refresh_from_db()
    return job


def apply(client: Client, page: str, job: Import) -> Import:
    return choose(client, page, job, "apply")


def faults(job: Import) -> list[tuple[int, str, str]]:
    pages = FaultPage.objects.filter(job=job).values_list("faults", flat=True)
    return [(row, column, reason) for page in pages for row, column, reason, *_more in page]


def counts(job: Import) -> tuple[int, int, int, int]:
    """Created, changed, left alone, faulty."""
    report = job.report
    return report["created_rows"], report["changed_rows"], report["unchanged_rows"], report["faulty_rows"]


def xlsx(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def exported(client: Client, page: str, kind: str = "csv", query: str = "") -> bytes:
    return content_of(download(client, page, kind, query))


def download(client: Client, page: str, kind: str = "csv", query: str = "") -> Any:
    """The answer with an export's file."""
    job = build(ask_for_export(client, page, query, kind))
    answer = client.get(f"{page}export/{job.pk}/file/")
    assert answer.status_code == 200
    return answer


def ask_for_export(client: Client, page: str, query: str = "", kind: str = "xlsx") -> Export:
    answer = client.post(f"{page}export/?{query}&format={kind}")
    assert answer.status_code == 302
    return Export.objects.get(pk=answer["Location"].split("/")[-2])


def build(job: Export) -> Export:
    """Lets a file be built, as the thread would."""
    worker.run(job)
    job.refresh_from_db()
    return job


def content_of(answer: Any) -> bytes:
    return bytes(answer.content)


_STRINGS = (
    '<Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)


def workbook(**parts: str | bytes) -> bytes:
    """A sound workbook with one person, but for these members: `sheet` is the XML of the first sheet's data."""
    names = {
        "sheet": "xl/worksheets/sheet1.xml",
        "strings": "xl/sharedStrings.xml",
        "styles": "xl/styles.xml",
        "workbook": "xl/workbook.xml",
        "rels": "xl/_rels/workbook.xml.rels",
        "types": "[Content_Types].xml",
    }
    sound, file = xlsx(["email", "first_name", "last_name"], ["ann.ames@example.test", "Ann", "Ames"]), io.BytesIO()
    if "strings" in parts:  # openpyxl writes none
        types = member(sound, names["types"]).replace("</Types>", f"{_STRINGS}</Types>")
        parts = {"types": types, **parts}
    changed = {names[name]: content for name, content in parts.items()}
    with zipfile.ZipFile(io.BytesIO(sound)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *changed}:
            new.writestr(name, changed.get(name, old.read(name) if name in old.namelist() else b""))
    return file.getvalue()


def member(content: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def begun(person: Any, page: str, content: str, variant: str = "") -> Import:
    """An upload about to be checked, of which no thread knows: for tests whose rows others see."""
    kind = "/".join(filter(None, [".".join(page.strip("/").split("/")[1:]), variant]))
    context = {"user": person.pk, "url": page, "client": "back-office"}
    return Import.objects.begin(
        kind=kind, person=person, language="en", file_name="people.csv", content=content.encode(), context=context
    )


def to_be_applied(person: Any, page: str, content: str, variant: str = "") -> Import:
    """The same, checked and about to be applied."""
    job = begun(person, page, content, variant)
    worker.run(job)
    assert job.restart(Import.State.CHECKED, to=Import.State.APPLYING)
    job = Import.objects.select_related("person").get(pk=job.pk)
    assert not job.report["faulty_rows"], faults(job)
    return job


def ods(rows: str = "", *, before: str = "", **members: str | bytes) -> bytes:
    """An OpenDocument spreadsheet whose first table has the headings of people, and these rows as XML."""
    prefix = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{prefix}:{name}:1.0"' for name in ("office", "table", "text", "drawing"))
    head = "".join(ods_cell(name) for name in ("email", "first_name", "last_name"))
    table = f'<table:table table:name="People"><table:table-row>{head}</table:table-row>{rows}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    names = {"content": "content.xml", "manifest": "META-INF/manifest.xml", "macro": "Basic/Standard/Module1.xml"}
    parts: dict[str, str | bytes] = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content": f"{before}<office:document-content {spaces}>{body}</office:document-content>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts | members).items():
            archive.writestr(names.get(name, name), content)
    return file.getvalue()


def ods_cell(text: str, attributes: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {attributes}><text:p>{text}</text:p></table:table-cell>'


def xlsx_with(*sheets: tuple[str, str, list[list[str]]]) -> bytes:
    """A workbook with sheets of these names, states (`visible`, `hidden`) and rows."""
    book = Workbook()
    book.remove(book.active)
    for name, state, rows in sheets:
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)
    return saved(book)


def ods_with(*sheets: tuple[str, str, list[list[str]]]) -> bytes:
    """The same as an OpenDocument spreadsheet."""
    styles = "".join(
        f'<style:style style:name="{state}" style:family="table"><style:table-properties '
        f'table:display="{str(state == "visible").lower()}"/></style:style>'
        for state in ("visible", "hidden")
    )
    tables = "".join(
        f'<table:table table:name="{name}" table:style-name="{state}">'
        + "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, state, rows in sheets
    )
    prefix = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{prefix}:{name}:1.0"' for name in ("office", "table", "text", "style"))
    return ods(
        content=f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
