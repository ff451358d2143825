"""Which sheets of a workbook are offered to be read, and what happens when a person chooses one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from config.spreadsheets.jobs import worker
from config.spreadsheets.jobs.queue import MAX_WAITING
from config.spreadsheets.models import Import
from config.spreadsheets.reading import files
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    USERS,
    apply,
    begun,
    choose,
    counts,
    ods_with,
    upload,
    xlsx_with,
)
from tests.support.cases import each
from users.models import User
from warehouses.models import Warehouse

HEADINGS = ["email", "first_name", "last_name"]
ANN = ["ann.ames@example.test", "Ann", "Ames"]
BEN = ["ben.bock@example.test", "Ben", "Bock"]
COVER = ("Cover", "visible", [["Read me"]])
MAY = ("May", "visible", [HEADINGS, ANN])
JUNE = ("June", "visible", [HEADINGS, BEN])
HIDDEN = ("April", "hidden", [HEADINGS, ANN])
EXPLANATION = ("Explanation", "visible", [["email", "required", "By this a person is found."]])

MAKERS = pytest.mark.parametrize("make", [xlsx_with, ods_with])


def shown(client: Client, job: Import, page: str = USERS) -> str:
    return client.get(f"{page}import/{job.pk}/").content.decode()


def emails(job: Import) -> list[str]:
    return [values["email"] for _row, _label, values in job.report["created"]]


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- What is offered --------------------------------------------------------------------------------------------
@MAKERS
def test_the_sheets_that_could_be_meant_are_those_with_the_headings(make: Any) -> None:
    content = make(COVER, HIDDEN, MAY, JUNE, EXPLANATION)
    sheet = files.read(content, HEADINGS)
    assert (sheet.name, sheet.sheets, [row.cells for row in sheet.rows]) == ("May", ["May", "June"], [ANN])
    assert sheet.notes == ["Hidden sheets were not read: “April”."]
    sheet = files.read(content, HEADINGS, wanted="June")
    assert (sheet.name, sheet.sheets, [row.cells for row in sheet.rows]) == ("June", ["May", "June"], [BEN])


@MAKERS
def test_without_the_headings_every_sheet_could_be_meant_that_is_not_blank(make: Any) -> None:
    content = make(COVER, ("Blank", "visible", []), HIDDEN, ("People", "visible", [["Mail", "Name"], ANN]))
    assert files.read(content, HEADINGS).sheets == ["Cover", "People"]
    sheet = files.read(content, HEADINGS, wanted="People")
    assert (sheet.name, sheet.headings, sheet.sheets) == ("People", ["Mail", "Name"], ["Cover", "People"])


def test_a_year_of_weeks_is_named_up_to_the_fiftieth_and_a_name_that_comes_twice_once() -> None:
    weeks = [(f"Week  {number}", "visible", [HEADINGS, ANN]) for number in [1, *range(1, 53)]]
    assert files.read(ods_with(*weeks), HEADINGS).sheets == [f"Week {number}" for number in range(1, 51)]


@MAKERS
def test_one_sheet_leaves_nothing_to_choose(admin: Client, make: Any) -> None:
    job = upload(admin, USERS, make(COVER, MAY, EXPLANATION, HIDDEN), "people.xlsx")
    assert (job.sheet_name, job.report["sheets"], counts(job)) == ("", [], (1, 0, 0, 0))
    assert "Sheets of this file" not in shown(admin, job)


# --- The choice -------------------------------------------------------------------------------------------------
@MAKERS
def test_another_sheet_is_read_by_one_click_and_it_is_the_one_that_is_applied(
    admin: Client, make: Any, nothing_changes: Any
) -> None:
    with nothing_changes():
        job = upload(admin, USERS, make(MAY, JUNE), "season.xlsx")
        page = shown(admin, job)
        assert "“May” was read" in page
        assert "Rows read: 1, from the sheet “May”." in page
        assert 'name="name" value="June"' in page
        job = choose(admin, USERS, job, "read", name="June")
    assert (job.state, job.sheet_name, emails(job)) == (Import.State.CHECKED, "June", [BEN[0]])
    page = shown(admin, job)
    assert "“June” was read" in page
    assert "Rows read: 1, from the sheet “June”." in page
    assert 'name="name" value="May"' in page

    job = apply(admin, USERS, job)
    assert (job.state, emails(job)) == (Import.State.APPLIED, [BEN[0]])
    assert User.objects.filter(email__in=[ANN[0], BEN[0]]).get().email == BEN[0]
    page = shown(admin, job)
    assert "Rows read: 1, from the sheet “June”." in page
    assert "Sheets of this file" not in page
    assert "season.xlsx · June" in admin.get("/admin/spreadsheets/import/").content.decode()


def test_a_sheet_is_named_in_the_list_after_the_file_was_deleted(admin: Client) -> None:
    job = choose(admin, USERS, upload(admin, USERS, xlsx_with(MAY, JUNE), "season.xlsx"), "read", name="June")
    Import.objects.filter(pk=job.pk).expire()
    assert "season.xlsx · June" in admin.get("/admin/spreadsheets/import/").content.decode()
    page = shown(admin, job)
    assert "from the sheet “June”" in page
    assert "/read/" not in page


@each(
    "first",
    [
        [["email", "first_name", "Nick name"], ["ann.ames@example.test", "Ann", "A"]],  # a column is missing
        [HEADINGS],  # no rows
        [HEADINGS, *[["x" * 30_000]] * 5, ["x"] * 101],  # too many columns, further down than the first look
        [HEADINGS, *[["x" * 30_000]] * 300],  # too large inside
    ],
)
def test_a_sheet_that_cannot_be_imported_leaves_the_choice_of_another(first: Any, admin: Client) -> None:
    job = upload(admin, USERS, xlsx_with(("May", "visible", first), JUNE))
    assert job.report["problems"]
    assert (job.sheet_name, job.report["sheets"]) == ("May", ["May", "June"])
    page = shown(admin, job)
    assert "This file cannot be imported. Nothing was changed." in page
    assert "“May” was read" in page
    job = choose(admin, USERS, job, "read", name="June")
    assert (job.report["problems"], emails(job)) == ([], [BEN[0]])


def test_a_cover_of_a_file_whose_headings_nobody_knows_leaves_the_choice_of_its_people(admin: Client) -> None:
    job = upload(admin, USERS, xlsx_with(COVER, ("People", "visible", [[*HEADINGS[:1], "Given", "Family"], ANN])))
    assert "Rows read: 0, from the sheet “Cover”." in shown(admin, job)
    job = choose(admin, USERS, job, "read", name="People")
    assert job.report["reading"] == "Rows read: 0, from the sheet “People”."
    assert "Given, Family" in "".join(job.report["problems"])


def test_ignored_columns_stay_ignored_and_suggestions_of_the_former_sheet_do_not_count(
    admin: Client, pat: User, sam: User, river: Warehouse
) -> None:
    headings = ["email", "warehouse", "phone"]
    first, second = ([headings, [person.email, "River Anex", "1"]] for person in (pat, sam))
    job = upload(admin, ASSIGNMENTS, xlsx_with(("May", "visible", first), ("June", "visible", second)))
    job = choose(admin, ASSIGNMENTS, job, "ignore")
    job = choose(admin, ASSIGNMENTS, job, "replace", column="warehouse", written="River Anex", name="River Annex")
    assert counts(job) == (1, 0, 0, 0)
    job = choose(admin, ASSIGNMENTS, job, "read", name="June")
    assert (job.ignored_columns, job.replacements, counts(job)) == (["phone"], [], (0, 0, 0, 1))
    page = shown(admin, job, ASSIGNMENTS)
    assert "These columns are not imported: phone." in page
    assert "Use “River Annex”" in page


def test_a_check_that_was_stopped_or_cut_short_goes_on_with_the_same_sheet(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = upload(admin, USERS, xlsx_with(MAY, JUNE))
    admin.post(f"{USERS}import/{job.pk}/read/", {"name": "June"})
    Import.objects.filter(pk=job.pk).update(state=Import.State.STOPPED, is_waiting=False)
    job = choose(admin, USERS, job, "again")
    assert (job.sheet_name, emails(job)) == ("June", [BEN[0]])

    with monkeypatch.context() as patch:
        patch.setattr(files, "MAX_READING_SECONDS", 0.001)
        job = choose(admin, USERS, job, "again")
    assert "larger inside" in job.report["problems"][0]
    assert (job.sheet_name, job.report["sheets"]) == ("June", ["May", "June"])
    assert emails(choose(admin, USERS, job, "read", name="May")) == [ANN[0]]


# --- Refusals ---------------------------------------------------------------------------------------------------
REFUSED = ["This sheet cannot be chosen. Look again."]


@each("name", ["July", "April", "Cover", "june", "", "\0", "J" * 5_000])
def test_only_a_sheet_that_is_offered_can_be_chosen(name: str, admin: Client, nothing_changes: Any) -> None:
    job = upload(admin, USERS, xlsx_with(COVER, HIDDEN, MAY, JUNE))
    before = Import.objects.values().get(pk=job.pk)
    with nothing_changes():
        answer = admin.post(f"{USERS}import/{job.pk}/read/", {"name": name}, follow=True)
    assert told(answer) == REFUSED
    assert Import.objects.values().get(pk=job.pk) == before
    assert admin.get(f"{USERS}import/{job.pk}/read/").status_code == 405


@each("state", [Import.State.CHECKING, Import.State.APPLYING, Import.State.APPLIED, Import.State.STOPPED])
def test_an_import_that_runs_or_has_ended_is_not_read_again(state: str, admin: Client) -> None:
    job = upload(admin, USERS, xlsx_with(MAY, JUNE))
    Import.objects.filter(pk=job.pk).update(state=state, started_at=timezone.now())
    before = Import.objects.values().get(pk=job.pk)
    assert told(admin.post(f"{USERS}import/{job.pk}/read/", {"name": "June"}, follow=True)) == REFUSED
    assert Import.objects.values().get(pk=job.pk) == before


def test_a_second_click_on_the_same_sheet_is_no_mistake(admin: Client) -> None:
    job = upload(admin, USERS, xlsx_with(MAY, JUNE))
    answers = [admin.post(f"{USERS}import/{job.pk}/read/", {"name": "June"}, follow=True) for _ in range(2)]
    assert [told(answer) for answer in answers] == [[], []]
    job.refresh_from_db()
    worker.run(job)
    job.refresh_from_db()
    assert emails(job) == [BEN[0]]


def test_a_choice_that_cannot_wait_in_line_or_whose_file_is_gone_changes_nothing(admin: Client, olive: User) -> None:
    job = upload(admin, USERS, xlsx_with(MAY, JUNE))
    waiting = [begun(olive, USERS, "email") for _ in range(MAX_WAITING)]
    before = Import.objects.values().get(pk=job.pk)
    answer = admin.post(f"{USERS}import/{job.pk}/read/", {"name": "June"}, follow=True)
    assert [message.partition(" of ")[0] for message in told(answer)] == [str(MAX_WAITING)]
    assert Import.objects.values().get(pk=job.pk) == before

    Import.objects.filter(pk__in=[one.pk for one in waiting]).delete()
    Import.objects.filter(pk=job.pk).expire()
    before = Import.objects.values().get(pk=job.pk)
    answer = admin.post(f"{USERS}import/{job.pk}/read/", {"name": "June"}, follow=True)
    assert told(answer) == ["The file was deleted after a day. Upload it again."]
    assert Import.objects.values().get(pk=job.pk) == before
