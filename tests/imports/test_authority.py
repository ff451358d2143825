"""An import or an export on its way ends with the right to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import psycopg
import pytest
from django.test import Client as Browser
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from config.back_office.authority import AuthorityLostError
from config.spreadsheets.jobs import worker
from config.spreadsheets.jobs.queue import take_next
from config.spreadsheets.models import Import
from config.spreadsheets.writing import exports
from tests.support.api.client import PASSWORD
from tests.support.back_office.lost_rights import BLOCK, LOSSES, NO_LOSSES, SIGN_OUT, committed, restored, stop
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    PEOPLE_HEADINGS,
    USERS,
    apply,
    begun,
    faults,
    to_be_applied,
    upload,
)
from tests.support.back_office.staff import signed_in
from tests.support.servers import live
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users.account_actions import DEACTIVATE
from users.models import User
from users.models.audit_event import AuditEvent
from users.sign_in.hashers import OwaspArgon2Hasher
from warehouses.models import Warehouse

PEOPLE, ROWS = "users_user", "assignments_warehouseuserassignment"


# --- Imports ----------------------------------------------------------------------------------------------------
def staff_sheet(*emails: str) -> str:
    lines = [f"{email},New,Hand,no,en,active,Staff manager,{PASSWORD}" for email in emails]
    return "\n".join([PEOPLE_HEADINGS, *lines])


def assert_stopped(job: Import, *, people: int) -> None:
    """Nothing of it was applied, and it is told to who reads security events."""
    job.refresh_from_db()
    assert job.state == Import.State.STOPPED
    assert User.objects.count() == people
    assert AuditEvent.objects.latest("id").tag == "import_refused"
    assert AuditEvent.objects.latest("id").user_uuid == job.person.uuid
    assert not AuditEvent.objects.filter(tag="import_applied").exists()


@committed
def test_an_import_whose_person_is_stopped_before_it_begins_writes_nothing(manager: User) -> None:
    for sql in LOSSES.values():
        job = to_be_applied(restored(manager), USERS, staff_sheet("new.hand@example.test"))
        stop(manager, sql)
        worker.run(job)
        assert_stopped(job, people=1)


@committed
def test_a_check_stops_too(manager: User) -> None:
    job = begun(manager, USERS, staff_sheet("new.hand@example.test"))
    stop(manager, BLOCK)
    worker.run(job)
    assert_stopped(job, people=1)


@committed
def test_being_signed_out_everywhere_stops_an_import_that_still_waits(manager: User) -> None:
    job = begun(manager, USERS, staff_sheet("new.hand@example.test"))
    stop(manager, SIGN_OUT)
    taken = take_next()
    assert taken == job
    worker.run(taken)
    assert_stopped(job, people=1)


class Blocking(OwaspArgon2Hasher):
    """Has somebody blocked while the first password of a file is hashed; counts how many were."""

    whom: ClassVar[int] = 0
    hashed: ClassVar[int] = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        with psycopg.connect(live.database_url()) as other:
            other.execute(BLOCK, [self.whom])
        return super().encode(password, salt)


@committed
def test_an_import_whose_person_is_blocked_while_passwords_are_hashed_stops_hashing(
    manager: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.spreadsheets.resources.BATCH_ROWS", 2)
    job = to_be_applied(manager, USERS, staff_sheet(*(f"new.{n}@example.test" for n in range(6))))
    settings.PASSWORD_HASHERS = ["tests.imports.test_authority.Blocking"]
    monkeypatch.setattr(Blocking, "whom", manager.pk)
    monkeypatch.setattr(Blocking, "hashed", 0)
    worker.run(job)
    assert Blocking.hashed == 2
    assert_stopped(job, people=1)


#: What is imported → the table at which it is met while it writes.
SHEETS = {
    USERS: (staff_sheet("new.hand@example.test"), PEOPLE),
    ASSIGNMENTS: ("email,warehouse,active\npat.picker@example.test,North Dock,yes", ROWS),
}


@committed
def test_an_import_whose_person_is_blocked_or_signed_out_everywhere_while_it_writes_is_taken_back(
    manager: User, pat: User, north: Warehouse
) -> None:
    """That of assignments writes after its last batch: only the look before the commit sees it."""
    for page, (content, table) in SHEETS.items():
        for sql in (BLOCK, SIGN_OUT):
            job = to_be_applied(restored(manager), page, content)
            with beside() as start, colleague() as other:
                other.execute(f"LOCK TABLE {table} IN SHARE MODE")
                run = start(worker.run, job)
                assert wait_until_blocked(other, 1, run) == 1
                other.execute(sql.replace("now()", "clock_timestamp()"), [manager.pk])
                other.commit()
                run.result()
            assert_stopped(job, people=2)
            assert not WarehouseUserAssignment.objects.exists()


@committed
def test_signing_out_of_one_browser_does_not_stop_an_import(manager: User) -> None:
    browser = signed_in(manager)
    job = to_be_applied(manager, USERS, staff_sheet("new.hand@example.test"))
    assert browser.post("/admin/logout/").status_code == 200
    worker.run(job)
    job.refresh_from_db()
    assert job.state == Import.State.APPLIED


@committed
def test_no_import_holds_up_the_block_of_who_runs_it_whoever_is_named_in_it(
    ada: User, pat: User, make_user: Callable[..., User]
) -> None:
    """An administrator who names all administrators, takes the rights of one, and names themselves."""
    rogue, bob = (make_user(f"{name}.admin@example.test", is_superuser=True) for name in ("ron", "bob"))
    last = make_user("zoe.last@example.test", is_warehouse_user=True)
    lines = [f"{one.email},New,Hand,blocked" for one in (ada, bob, pat, last)]
    lines.append(f"{rogue.email},Other,Name,active")
    job = to_be_applied(rogue, USERS, "\n".join(["email,first_name,last_name,status", *lines]))
    assert job.report["changed_rows"] == 5
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [last.pk])
        run = start(worker.run, job)
        assert wait_until_blocked(other, 1, run) == 1  # the others are locked by now
        block = start(DEACTIVATE.apply, [rogue.pk], ada)
        assert wait_until_blocked(other, 2, block) == 1
        assert len(block.result().people) == 1
        other.commit()
        run.result()
    assert_stopped(job, people=5)
    assert User.objects.filter(status="blocked").get() == rogue


def test_an_import_changes_ones_own_names_but_not_ones_password(as_manager: Browser, manager: User) -> None:
    """There is a page for that, which asks for the one before."""
    headings = "email,first_name,last_name"
    job = upload(as_manager, USERS, f"{headings},password\n{manager.email},New,Name,{PASSWORD}-1")
    assert [(column, why) for _row, column, why in faults(job)] == [
        ("password", "You cannot do this to yourself. Ask a colleague.")
    ]
    job = apply(as_manager, USERS, upload(as_manager, USERS, f"{headings}\n{manager.email},New,Name"))
    assert job.state == Import.State.APPLIED
    manager.refresh_from_db()
    assert (manager.get_full_name(), manager.signed_out_at) == ("New Name", None)


@committed
def test_an_import_that_cannot_have_its_last_locks_is_shown_again(manager: User) -> None:
    job = to_be_applied(manager, USERS, f"email,first_name,last_name\n{manager.email},New,Name")
    with colleague() as other:
        other.execute("UPDATE users_user SET last_login = now() WHERE id = %s", [manager.pk])
        worker.run(job)
    job.refresh_from_db()
    assert (job.state, job.report["changed_rows"]) == (Import.State.CHECKED, 1)
    assert job.report["notes"] == [
        "Nothing was applied: somebody else is changing your account, or administrators, at this moment."
    ]
    manager.refresh_from_db()
    assert manager.first_name == "Mona"


# --- Exports ----------------------------------------------------------------------------------------------------
def export_stopped_by(manager: User, sql: str) -> bytes:
    """Builds an export of 4,100 people, in the middle of which somebody runs this."""

    def tell(done: int) -> None:
        if done == 2_000:
            stop(manager, sql.replace("now()", "clock_timestamp()"))

    resource = worker.resource_of("users.user")(manager)
    return exports.build(resource, User.objects.all(), "people.csv", timezone.now(), tell)


@pytest.mark.thorough
@committed
def test_the_export_of_who_is_stopped_breaks_off(manager: User) -> None:
    User.objects.bulk_create(
        User(email=f"hand.{n}@example.test", first_name="Hand", last_name="No", password="!") for n in range(4_100)
    )
    for sql in (*LOSSES.values(), SIGN_OUT):
        with pytest.raises(AuthorityLostError):
            export_stopped_by(restored(manager), sql)
    assert export_stopped_by(restored(manager), NO_LOSSES["signing in elsewhere"])
