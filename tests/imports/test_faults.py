"""A file that is bad all over: every fault can be seen, and nobody holds them all at once."""

from __future__ import annotations

import csv
import io
import re
from typing import Any, ClassVar

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import FaultPage, Import
from config.spreadsheets.reports import FAULTS_PER_PAGE
from tests.support import underway
from tests.support.api.client import PASSWORD
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    PEOPLE_HEADINGS,
    USERS,
    apply,
    content_of,
    faults,
    upload,
)
from tests.support.hashing import CheapArgon2Hasher
from tests.support.servers import live
from users.models import User
from warehouses.models import Warehouse

ROWS = 260  # more than a batch
BAD = "\n".join([PEOPLE_HEADINGS, *(f"no address {n},,B<d,maybe,xx,gone,," for n in range(ROWS))])


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


def shown(client: Client, job: Import, page: int | str) -> list[int]:
    """The rows whose faults a page of the preview shows."""
    text = client.get(f"{USERS}import/{job.pk}/?page={page}").content.decode()
    return [int(row) for row in re.findall(r'<th scope="row">(\d+)</th>', text.split('id="faults"')[1])]


def test_every_fault_can_be_seen_page_by_page_and_in_one_file(admin: Client) -> None:
    job = upload(admin, USERS, BAD)
    expected = [row for row in range(2, ROWS + 2) for _fault in range(6)]
    assert (job.report["faulty_rows"], job.report["fault_count"]) == (ROWS, ROWS * 6)
    assert [row for row, _column, _reason in faults(job)] == expected
    assert [row for page in (1, 2, 3, 4) for row in shown(admin, job, page)] == expected
    lines = list(csv.reader(io.StringIO(content_of(admin.get(f"{USERS}import/{job.pk}/faults/")).decode("utf-8-sig"))))
    assert lines[0] == ["Row", "Column", "Reason", "Content"]
    assert [int(line[0]) for line in lines[1:]] == expected
    assert lines[1] == ["2", "email", "Enter a valid email address.", "no address 0"]


def test_faults_are_kept_by_the_page_and_never_all_in_one_place(admin: Client) -> None:
    job = upload(admin, USERS, BAD)
    pages = FaultPage.objects.filter(job=job)
    assert [len(page.faults) for page in pages] == [FAULTS_PER_PAGE] * 3 + [60]
    assert "faults" not in job.report


def test_pages_of_faults_lead_to_each_other(admin: Client) -> None:
    job = upload(admin, USERS, BAD)
    text = admin.get(f"{USERS}import/{job.pk}/?page=2").content.decode()
    assert "Page 2 of 4" in text
    assert 'rel="prev" href="?page=1#faults-heading"' in text
    assert 'rel="next" href="?page=3#faults-heading"' in text


@pytest.mark.parametrize(("asked", "first_row"), [("99", 252), ("x", 2), ("0", 252)])
def test_a_page_of_faults_that_is_not_there_shows_one_that_is(admin: Client, asked: str, first_row: int) -> None:
    assert shown(admin, upload(admin, USERS, BAD), asked)[0] == first_row


def test_checking_again_forgets_the_faults_of_before(admin: Client) -> None:
    job = upload(admin, USERS, BAD)
    admin.post(f"{USERS}import/{job.pk}/again/")
    job.refresh_from_db()
    worker.run(job)
    assert len(faults(job)) == ROWS * 6


def test_progress_is_shown_without_reading_the_file_or_the_report(admin: Client) -> None:
    job = upload(admin, USERS, BAD)
    with CaptureQueriesContext(connection) as queries:
        answer = admin.get(f"{USERS}import/{job.pk}/progress/")
    assert answer.json()["running"] is False
    read = [query["sql"] for query in queries if "spreadsheets_import" in query["sql"]]
    assert not [sql for sql in read if '"content"' in sql or '"report"' in sql]


# --- Locks ------------------------------------------------------------------------------------------------------
def test_everybody_in_a_file_is_locked_at_once_and_in_one_order(
    admin: Client, make_user: Any, north: Warehouse
) -> None:
    """Batch by batch, an import and somebody who assigns many people could wait for each other."""
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(ROWS)]
    lines = [f"{person.email},North Dock,yes" for person in reversed(people)]
    job = upload(admin, ASSIGNMENTS, "\n".join(["email,warehouse,active", *lines]))
    with CaptureQueriesContext(connection) as queries:
        assert apply(admin, ASSIGNMENTS, job).state == Import.State.APPLIED
    locks = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
    assert len(locks) == 2  # all the people; and once more, by the write method
    assert all(people[n].email in locks[0] for n in (0, ROWS - 1))
    assert all('ORDER BY "users_user"."id" ASC' in lock for lock in locks)
    assert WarehouseUserAssignment.objects.filter(warehouse=north, is_active=True).count() == ROWS


class Witness(CheapArgon2Hasher):
    """Looks, whenever a password is hashed, whether somebody else could lock everybody."""

    seen: ClassVar[list[int]] = []

    def encode(self, password: str, salt: str) -> str:
        with psycopg.connect(live.database_url()) as other:
            free = other.execute("SELECT id FROM users_user FOR UPDATE SKIP LOCKED").fetchall()
        self.seen.append(len(free))
        return super().encode(password, salt)


@pytest.mark.django_db(transaction=True)
def test_passwords_are_hashed_while_nobody_is_locked(
    admin: Client, pat: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes minutes for a large file, and whoever is locked is told to try again."""
    settings.PASSWORD_HASHERS = ["tests.imports.test_faults.Witness"]
    monkeypatch.setattr(Witness, "seen", [])
    lines = [f"{pat.email},Patricia,Picker,{PASSWORD}-0", f"new.picker@example.test,New,Picker,{PASSWORD}-1"]
    job = upload(admin, USERS, "\n".join(["email,first_name,last_name,password", *lines]))
    assert apply(admin, USERS, job).state == Import.State.APPLIED
    underway.wait_for_threads()

    assert Witness.seen == [2, 2]  # Olive, too
    stored = [User.objects.get(email=line.split(",")[0]) for line in lines]
    assert [person.check_password(f"{PASSWORD}-{n}") for n, person in enumerate(stored)] == [True, True]
