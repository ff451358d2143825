"""A person brings in a season's staff from a spreadsheet, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.support.back_office.accessibility import faults
from tests.support.back_office.sheets import xlsx_with
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]

LIST = "/admin/users/user/"
HEADINGS = "email;first_name;last_name;is_warehouse_user;language;status\n"
BAD = (
    "ann.ames(at)example.test;Ann;Ames;ja;de;aktiv\n"
    "ben.bock@example.test;;Bock;ja;de;aktiv\n"
    "cem.cam@example.test;Cem;Cam;vielleicht;de;aktiv\n"
    "dee.dorn@example.test;Dee;Dorn;ja;xx;aktiv\n"
    "BEN.bock@example.test;Ben;Bock;ja;de;aktiv\n"
)
GOOD = (
    "ann.ames@example.test;Ann;Ames;ja;de;aktiv\n"
    "ben.bock@example.test;Ben;Bock;ja;de;aktiv\n"
    "cem.cam@example.test;Cem;=Cam();ja;de;aktiv\n"
    "dee.dorn@example.test;<img src=x onerror=alert(1)>;Dorn;ja;de;aktiv\n"
    "pat.picker@example.test;Patricia;Picker;ja;de;\n"
)


@pytest.fixture
def desk(open_page: Callable[..., Page], olive: User, pat: User) -> Page:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    olive.refresh_from_db()
    return open_page(olive, viewport={"width": 1440, "height": 900})


def written(folder: Path, rows: str) -> str:
    file = folder / "season.csv"
    file.write_text(HEADINGS + rows, encoding="cp1252")
    return str(file)


def check(desk: Page, file: str) -> None:
    desk.get_by_label("CSV, Excel or LibreOffice file").set_input_files(file)
    expect(desk.get_by_label("Reason")).to_have_value("")
    desk.get_by_role("button", name="Check the file").click()


def test_five_faults_are_shown_at_once_corrected_and_the_file_applied(desk: Page, tmp_path: Path) -> None:
    desk.goto(LIST)
    desk.locator(f'a[href="{LIST}import/"]').first.click()
    check(desk, written(tmp_path, BAD))

    rows = desk.locator("#faults tbody tr")
    expect(rows).to_have_count(5)
    assert [row.locator("th, td").all_inner_texts()[:2] for row in rows.all()] == [
        ["2", "email"],
        ["3", "first_name"],
        ["4", "is_warehouse_user"],
        ["5", "language"],
        ["6", "email"],
    ]
    expect(desk.get_by_role("alert")).to_contain_text("5 rows have faults. Nothing was changed.")
    expect(desk.get_by_role("button", name="Apply")).to_have_count(0)

    check(desk, written(tmp_path, GOOD.replace("<img src=x onerror=alert(1)>", "Dee")))
    expect(desk.locator("#count-created")).to_have_text("4")
    expect(desk.locator("#changed tbody tr")).to_have_count(2)
    assert not User.objects.filter(email__startswith="ann.").exists()

    desk.get_by_role("button", name="Apply").click()
    expect(desk.get_by_role("status").first).to_contain_text("Done: the file was applied.")
    desk.get_by_role("link", name="To the list").click()
    expect(desk.get_by_text("ann.ames@example.test").first).to_be_visible()
    assert User.objects.get(email="pat.picker@example.test").first_name == "Patricia"
    assert User.objects.get(email="cem.cam@example.test").last_name == "=Cam()"


def test_the_content_of_a_file_is_shown_as_text(desk: Page, tmp_path: Path) -> None:
    desk.goto(f"{LIST}import/")
    check(desk, written(tmp_path, GOOD))
    expect(desk.locator("#faults tbody tr")).to_contain_text(["<img src=x onerror=alert(1)>"])
    assert desk.locator(".import img").count() == 0


def test_an_import_needs_no_mouse(desk: Page, tmp_path: Path, north: Warehouse) -> None:
    file = tmp_path / "places.csv"
    file.write_text("email,warehouse,active\npat.picker@example.test,North Dock,yes\n")
    desk.goto("/admin/assignments/warehouseuserassignment/import/")
    desk.get_by_label("CSV, Excel or LibreOffice file").focus()
    desk.get_by_label("CSV, Excel or LibreOffice file").set_input_files(str(file))
    for _ in range(2):
        desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="Check the file")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("button", name="Apply")).to_be_visible()
    desk.get_by_role("button", name="Apply").focus()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status").first).to_contain_text("Done: the file was applied.")


def test_a_suggestion_is_taken_by_one_click_and_the_import_is_found_again(
    desk: Page, tmp_path: Path, river: Warehouse
) -> None:
    file = tmp_path / "places.csv"
    file.write_text("email,warehouse\npat.picker@example.test,River Anex\n")
    desk.goto("/admin/")
    desk.get_by_role("link", name="Imports").click()
    desk.get_by_role("link", name="Import assignments").click()
    check(desk, str(file))
    desk.get_by_role("button", name="Use “River Annex”").click()
    expect(desk.get_by_text("River Anex → River Annex")).to_be_visible()
    desk.get_by_role("button", name="Remove: River Anex → River Annex").click()
    desk.get_by_role("button", name="Use “River Annex”").click()
    desk.get_by_role("button", name="Apply").click()
    expect(desk.get_by_role("status").first).to_contain_text("Done: the file was applied.")
    assert faults(desk) == []

    desk.set_viewport_size({"width": 1440, "height": 900})
    desk.get_by_role("link", name="Imports").click()
    expect(desk.get_by_role("link", name="places.csv")).to_be_visible()
    assert faults(desk) == []
    desk.get_by_role("link", name="Changes").click()
    expect(desk.locator("#content").get_by_role("heading", name="Changes of")).to_be_visible()
    expect(desk.locator("table.history tbody tr")).to_have_count(1)


@pytest.mark.parametrize("width", [1440, 390])
def test_another_sheet_of_the_file_is_read_by_one_click(desk: Page, tmp_path: Path, width: int) -> None:
    file = tmp_path / "season.xlsx"
    file.write_bytes(
        xlsx_with(
            ("May", "visible", [["email", "first_name"], ["ann.ames@example.test", "Ann"]]),
            ("June", "visible", [["email", "first_name", "last_name"], ["ben.bock@example.test", "Ben", "Bock"]]),
            ("J" * 31, "visible", [["email", "first_name", "last_name"], ["cem.cam@example.test", "Cem", "Cam"]]),
        )
    )
    desk.set_viewport_size({"width": width, "height": 900})
    desk.goto(f"{LIST}import/")
    check(desk, str(file))
    expect(desk.get_by_role("alert")).to_contain_text("This file cannot be imported.")
    offered = desk.get_by_role("region", name="Sheets of this file")
    expect(offered.get_by_role("listitem")).to_have_text(["“May” was read", "Read “June”", f"Read “{'J' * 31}”"])
    assert faults(desk) == []
    assert desk.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0

    offered.get_by_role("button", name="Read “June”").click()
    expect(offered.get_by_text("“June” was read")).to_be_visible()
    expect(desk.locator("#created tbody tr")).to_have_count(1)
    offered.get_by_role("button", name=f"Read “{'J' * 31}”").focus()
    desk.keyboard.press("Enter")
    expect(desk.locator("#rows-read")).to_have_text(f"Rows read: 1, from the sheet “{'J' * 31}”.")
    desk.get_by_role("button", name="Apply").click()
    expect(desk.get_by_role("status").first).to_contain_text("Done: the file was applied.")
    assert User.objects.filter(first_name__in=["Ann", "Ben", "Cem"]).get().email == "cem.cam@example.test"


def test_templates_and_exports_are_downloaded(desk: Page, pat: User) -> None:
    desk.goto(f"{LIST}import/")
    for link, name in (("Template for Excel", "users-template.xlsx"), ("Template as CSV", "users-template.csv")):
        with desk.expect_download() as download:
            desk.get_by_role("link", name=link).click()
        assert download.value.suggested_filename == name
    assert pat.email in exported(desk, "CSV").read_text(encoding="utf-8-sig")
    sheet = load_workbook(io.BytesIO(exported(desk, "Excel file (.xlsx)").read_bytes())).active
    assert sheet.max_row == 1 + User.objects.count()


def exported(desk: Page, kind: str) -> Path:
    """The file that an export gives whoever waits for it."""
    desk.goto(f"{LIST}export/")
    desk.get_by_role("button", name=kind, exact=True).click()
    expect(desk.get_by_text("The file is ready.")).to_be_visible()
    with desk.expect_download() as download:
        desk.get_by_role("link", name="Download").click()
    return Path(download.value.path())


def test_the_preview_has_no_serious_fault_for_a_screen_reader(
    open_page: Callable[..., Page], desk: Page, olive: User, tmp_path: Path
) -> None:
    page = open_page(olive)
    for rows, shown in ((BAD, "#faults"), (GOOD.replace("<img src=x onerror=alert(1)>", "Dee"), "#created")):
        page.goto(f"{LIST}import/")
        check(page, written(tmp_path, rows))
        expect(page.locator(shown)).to_be_visible()
        assert faults(page) == []
