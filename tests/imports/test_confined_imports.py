"""What a confined person imports: into their warehouses, about people they see, and of these only what they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from config.back_office.authority import AuthorityLostError
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, apply, counts, faults, to_be_applied, upload
from tests.support.back_office.staff import signed_in
from tests.support.cases import each
from tests.support.confinement import Site, confined
from users import roles
from users.models import User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

SHEET = "?sheet=warehouses"
NAMES = "email,first_name,last_name"
PEOPLE = f"{NAMES},is_warehouse_user,warehouses,works_in"
ELSEWHERE = "This user is not only of your warehouses. Ask somebody who may do this everywhere."
NOT_CONFINED = "You cannot change this: your rights count in certain warehouses only."
UNKNOWN = (
    "There is no user with this e-mail in your warehouses. "
    "New ones are created by the sheet of users and their warehouses."
)
NO_WAREHOUSE = "There is no warehouse with this name. Check the spelling."
EMAIL_REFUSED = "This e-mail cannot be used. Ask somebody who may do this everywhere."
NO_USER = "There is no user with this e-mail. Check the spelling, or import users first."

rows = WarehouseUserAssignment.objects

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_site(site: Site) -> Client:
    return signed_in(site.manager)


def found(job: Import) -> list[tuple[str, str]]:
    """Column and reason of each fault."""
    return [(column, reason) for _row, column, reason in faults(job)]


def users(browser: Client, *lines: str, headings: str = NAMES) -> Import:
    return upload(browser, USERS, "\n".join([headings, *lines]))


def people(browser: Client, *lines: str, headings: str = PEOPLE) -> Import:
    return upload(browser, USERS, "\n".join([headings, *lines]), sheet=SHEET)


def assignments(browser: Client, *lines: str, headings: str = "email,warehouse,active") -> Import:
    return upload(browser, ASSIGNMENTS, "\n".join([headings, *lines]))


def assigned(*people: User) -> list[tuple[str, str, bool]]:
    kept = rows.filter(user__in=people).order_by("user__first_name", "warehouse__name")
    return list(kept.values_list("user__first_name", "warehouse__name", "is_active"))


def line(person: User, *cells: str) -> str:
    return ",".join([person.email, person.first_name, person.last_name, *cells])


# --- The sheet of users -----------------------------------------------------------------------------------------
def test_people_of_ones_own_are_changed(as_site: Client, site: Site) -> None:
    job = users(as_site, f"{site.here.email},Hera,Picker,blocked", headings=f"{NAMES},status")
    assert (faults(job), counts(job)) == ([], (0, 1, 0, 0))
    assert apply(as_site, USERS, job).state == Import.State.APPLIED
    here = User.objects.get(pk=site.here.pk)
    assert (here.first_name, here.status) == ("Hera", "blocked")


def test_people_in_both_are_not(as_site: Client, site: Site, nothing_changes: Any) -> None:
    job = users(as_site, f"{site.both.email},Botho,Picker")
    assert found(job) == [("email", ELSEWHERE)]
    assert counts(users(as_site, line(site.both))) == (0, 0, 1, 0)


def test_people_elsewhere_are_as_missing_ones_and_nobody_is_created(as_site: Client, site: Site) -> None:
    for email in (site.elsewhere.email, site.nowhere.email, "no.body@example.test"):
        job = users(as_site, f"{email},Else,Picker")
        assert (found(job), counts(job)) == ([("email", UNKNOWN)], (0, 0, 0, 1)), email
    assert not User.objects.filter(first_name="Else").exists()


@each(
    ("column", "cell", "reason"),
    [
        ("groups", "Site manager", NOT_CONFINED),
        ("groups", "Administrator", NOT_CONFINED),
        ("is_warehouse_user", "no", NOT_CONFINED),
    ],
)
def test_roles_and_the_kind_of_account_are_for_others(
    column: str, cell: str, reason: str, as_site: Client, site: Site, nothing_changes: Any
) -> None:
    heading = {"groups": "roles"}.get(column, column)
    job = users(as_site, line(site.here, cell), headings=f"{NAMES},{column}")
    assert found(job) == [(heading, reason)]


# --- The sheet of users and their warehouses ----------------------------------------------------------------------
def test_one_hires_into_ones_own_warehouses(as_site: Client, site: Site) -> None:
    job = people(as_site, "new.hand@example.test,New,Hand,yes,own hall,Own Hall")
    assert (faults(job), counts(job)) == ([], (1, 0, 0, 0))
    assert apply(as_site, USERS, job).state == Import.State.APPLIED
    assert assigned(User.objects.get(email="new.hand@example.test")) == [("New", "Own Hall", True)]


@each(
    ("cells", "reasons"),
    [
        ("yes,,", [("warehouses", "Write at least one of your warehouses: you create users only there.")]),
        ("no,,", [("warehouses", "Write at least one of your warehouses: you create users only there.")]),
        (
            "no,Own Hall,",
            [
                (
                    "warehouses",
                    "Only warehouse users have warehouses. "
                    "Write yes in the column is_warehouse_user, or leave this empty.",
                )
            ],
        ),
        ("yes,Own Hall; Other Hall,", [("warehouses", "There is no warehouse “Other Hall”.")]),
        ("yes,Own Hall; Othr Hall,", [("warehouses", "There is no warehouse “Othr Hall”.")]),
        ("yes,Own Hall; No Hall,", [("warehouses", "There is no warehouse “No Hall”.")]),
        ("yes,Own Hall,Other Hall", [("works_in", NO_WAREHOUSE)]),
    ],
)
def test_nobody_is_hired_elsewhere_or_nowhere_or_into_the_back_office(
    cells: str, reasons: list[tuple[str, str]], as_site: Client, site: Site
) -> None:
    job = people(as_site, f"new.hand@example.test,New,Hand,{cells}")
    assert (found(job), counts(job)) == (reasons, (0, 0, 0, 1))


def test_a_suggestion_is_one_of_ones_own(as_site: Client, site: Site) -> None:
    Warehouse.objects.create(name="Owm Hall")
    job = people(as_site, "new.hand@example.test,New,Hand,yes,Ovn Hall,")
    assert found(job) == [("warehouses", "“Ovn Hall”: did you mean “Own Hall”?")]


def test_an_email_that_somebody_elsewhere_has_is_refused_neutrally(
    as_site: Client, site: Site, nothing_changes: Any
) -> None:
    for one in (site.elsewhere, site.nowhere):
        job = people(as_site, f"{one.email},Else,Picker,yes,Own Hall,")
        assert (found(job), counts(job)) == ([("email", EMAIL_REFUSED)], (0, 0, 0, 1))
        assert one.get_full_name() not in str(job.report)


def test_people_in_both_are_assigned_here_and_nothing_else_about_them_is_changed(
    as_site: Client, site: Site, ada: User
) -> None:
    rows.get(pk=site.both_own.pk).delete()
    rows.assign(user_uuid=str(site.here.uuid), warehouse_uuid=str(site.other.uuid))  # now here is in both
    before = User.objects.filter(pk=site.here.pk).values().get()
    own = ManagedWarehouse.objects.get()
    second = Warehouse.objects.create(name="Second Hall")
    ManagedWarehouse.objects.set_for(site.manager, add=[second], remove=[])
    job = people(as_site, line(site.here, "yes", "Second Hall", "Second Hall"))
    assert (faults(job), counts(job)) == ([], (0, 1, 0, 0))
    assert apply(as_site, USERS, job).state == Import.State.APPLIED
    assert assigned(site.here) == [
        ("Here", "Other Hall", False),
        ("Here", "Own Hall", False),
        ("Here", "Second Hall", True),
    ]
    after = User.objects.filter(pk=site.here.pk).values().get()
    assert after == before
    assert own.warehouse == site.own
    job = people(as_site, f"{site.here.email},Hera,Picker,yes,Own Hall,")
    assert found(job) == [("email", ELSEWHERE)]


def test_where_people_work_elsewhere_is_not_told(as_site: Client, site: Site) -> None:
    job = people(as_site, line(site.both, "yes", "", "Own Hall"))
    assert job.report["changed"] == [[2, site.both.email, [["works_in", "", "Own Hall"]]]]
    assert apply(as_site, USERS, job).state == Import.State.APPLIED
    assert assigned(site.both) == [("Both", "Other Hall", False), ("Both", "Own Hall", True)]


# --- The sheet of assignments -----------------------------------------------------------------------------------
def test_only_rows_of_ones_own_warehouses_are_changed(as_site: Client, site: Site) -> None:
    job = assignments(as_site, f"{site.here.email},Own Hall,no", f"{site.both.email},Own Hall,yes")
    assert (faults(job), counts(job)) == ([], (0, 2, 0, 0))
    assert job.report["changed"][1][2] == [["active", "no", "yes"], ["leaves", "", "another warehouse"]]
    assert apply(as_site, ASSIGNMENTS, job).state == Import.State.APPLIED
    assert assigned(site.here, site.both) == [
        ("Both", "Other Hall", False),
        ("Both", "Own Hall", True),
        ("Here", "Own Hall", False),
    ]


def test_foreign_warehouses_and_people_are_as_missing_ones(as_site: Client, site: Site, nothing_changes: Any) -> None:
    told = {}
    for email in (site.elsewhere.email, "no.body@example.test"):
        for name in ("Other Hall", "No Hall"):
            told[email, name] = found(assignments(as_site, f"{email},{name},no"))
    assert {*map(tuple, told.values())} == {(("email", NO_USER), ("warehouse", NO_WAREHOUSE))}
    for name in ("Other Hall", "No Hall", "Othr Hall"):
        assert found(assignments(as_site, f"{site.both.email},{name},no")) == [("warehouse", NO_WAREHOUSE)]


# --- While it is applied ----------------------------------------------------------------------------------------
def test_an_import_stops_once_its_person_manages_less(site: Site) -> None:
    cases = [
        (ASSIGNMENTS, f"email,warehouse,active\n{site.here.email},Own Hall,no", ""),
        (USERS, f"{NAMES}\n{site.here.email},Hera,Picker", ""),
        (USERS, f"{PEOPLE}\nnew.hand@example.test,New,Hand,yes,Own Hall,", "warehouses"),
    ]
    for page, content, variant in cases:
        ManagedWarehouse.objects.set_for(site.manager, add=[site.own], remove=[])
        job = to_be_applied(User.objects.get(pk=site.manager.pk), page, content, variant)
        assert job.person.managed
        ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
        worker.run(job)
        job.refresh_from_db()
        assert job.state == Import.State.STOPPED
        assert AuditEvent.objects.latest("id").tag == "import_refused"
    assert assigned(site.here) == [("Here", "Own Hall", True)]
    assert User.objects.get(pk=site.here.pk).first_name == "Here"
    assert not User.objects.filter(email="new.hand@example.test").exists()


def test_who_came_to_work_elsewhere_since_the_check_is_not_changed(as_site: Client, site: Site) -> None:
    job = users(as_site, f"{site.here.email},Hera,Picker")
    rows.assign(user_uuid=str(site.here.uuid), warehouse_uuid=str(site.other.uuid))
    job = apply(as_site, USERS, job)
    assert (job.state, found(job)) == (Import.State.CHECKED, [("email", ELSEWHERE)])
    assert User.objects.get(pk=site.here.pk).first_name == "Here"


def test_who_manages_nothing_imports_nothing(as_site: Client, site: Site) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    assert found(users(as_site, f"{site.here.email},Hera,Picker")) == [("email", UNKNOWN)]
    assert found(assignments(as_site, f"{site.here.email},Own Hall,no")) == [
        ("email", NO_USER),
        ("warehouse", NO_WAREHOUSE),
    ]


# --- Who sees which imports --------------------------------------------------------------------------------------
def test_imports_of_others_are_missing_ones(
    as_site: Client, as_ada: Client, site: Site, make_user: Callable[..., User]
) -> None:
    foreign = users(as_ada, "new.hand@example.test,New,Hand")
    colleague = signed_in(confined(make_user("cole.confined@example.test"), roles.SITE_MANAGER, site.own))
    own = users(colleague, f"{site.here.email},Hera,Picker")
    for step in ("", "progress/", "faults/", "left-out/"):
        answers = [
            as_site.get(f"{USERS}import/{one}/{step}") for one in (foreign.pk, own.pk, "0" * 8 + str(own.pk)[8:])
        ]
        assert {one.status_code for one in answers} == {404}, step
    assert not as_site.get("/admin/spreadsheets/import/").context["cl"].result_list
    assert [one.pk for one in colleague.get("/admin/spreadsheets/import/").context["cl"].result_list] == [own.pk]
    assert len(as_ada.get("/admin/spreadsheets/import/").context["cl"].result_list) == 2
    assert colleague.get(f"{USERS}import/{own.pk}/").status_code == 200


def test_an_import_that_read_more_than_one_manages_now_is_missing(as_site: Client, site: Site) -> None:
    """Its report says where people worked, and which names there are."""
    site.manager.is_confined = False
    site.manager.save()
    job = assignments(as_site, f"{site.both.email},{site.own.name},yes")
    assert site.other.name in as_site.get(f"{ASSIGNMENTS}import/{job.pk}/").content.decode()
    site.manager.is_confined = True
    site.manager.save()
    for step in ("", "progress/", "faults/", "left-out/"):
        assert as_site.get(f"{ASSIGNMENTS}import/{job.pk}/{step}").status_code == 404, step
    for step in ("again", "read", "ignore", "replace", "apply"):
        assert as_site.post(f"{ASSIGNMENTS}import/{job.pk}/{step}/").status_code == 404, step
    assert not as_site.get("/admin/spreadsheets/import/").context["cl"].result_list


def test_a_check_that_is_cut_short_leaves_the_former_report_to_those_who_see_all_of_it(
    as_site: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[])
    job = assignments(as_site, f"{site.elsewhere.email},{site.other.name},no")
    assert job.restart(Import.State.CHECKED, to=Import.State.CHECKING)
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.other])
    monkeypatch.setattr("config.spreadsheets.jobs.worker._check_authority", _refuse)
    worker.run(Import.objects.select_related("person").get(pk=job.pk))
    assert Import.objects.get(pk=job.pk).state == Import.State.STOPPED
    assert as_site.get(f"{ASSIGNMENTS}import/{job.pk}/").status_code == 404


def _refuse(job: Import) -> None:
    raise AuthorityLostError


def test_each_sheet_is_offered(as_site: Client) -> None:
    for page in (f"{USERS}import/", f"{USERS}import/{SHEET}", f"{ASSIGNMENTS}import/", f"{USERS}import-template/"):
        assert as_site.get(page).status_code == 200, page


# --- Costs ------------------------------------------------------------------------------------------------------
def test_the_number_of_queries_does_not_depend_on_the_number_of_people(site: Site, make_user: Any) -> None:
    extra = [make_user(f"more{n}.picker@example.test", is_warehouse_user=True) for n in range(5)]
    rows.set_people(site.own, add=extra, remove=[])
    counts = {}
    for page, heads in ((USERS, NAMES), (ASSIGNMENTS, "email,warehouse,active")):
        for chosen in (extra[:1], extra):
            lines = [f"{one.email},Changed,Name" if page == USERS else f"{one.email},Own Hall,yes" for one in chosen]
            job = to_be_applied(User.objects.get(pk=site.manager.pk), page, "\n".join([heads, *lines]))
            with CaptureQueriesContext(connection) as made:
                worker.run(job)
            counts[page, len(chosen)] = len(made)
            extra[0].refresh_from_db()
            User.objects.filter(pk__in=[one.pk for one in extra]).update(first_name="Back")
            rows.filter(user__in=extra).update(is_active=False)
    assert counts[USERS, 1] == counts[USERS, 5]
    assert counts[ASSIGNMENTS, 1] == counts[ASSIGNMENTS, 5]
