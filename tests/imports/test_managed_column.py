"""The column `manages` of the sheet of users and their warehouses: who has rights everywhere, and who where."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assignments.models import ManagedWarehouse
from config.database.periods import Period
from config.spreadsheets.models import Export, Import
from tests.support.back_office.sheets import USERS, apply, build, content_of, counts, faults, upload
from tests.support.back_office.staff import member, signed_in
from tests.support.cases import each
from tests.support.confinement import Site, confined
from users import roles
from users.models import User
from warehouses.models import Warehouse

SHEET = "?sheet=warehouses"
HEADINGS = "email,first_name,last_name,manages"

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(make_user: Callable[..., User], north: Warehouse) -> User:
    """Manages North Dock."""
    return confined(make_user("mia.manager@example.test"), roles.SITE_MANAGER, north)


def people(browser: Client, *lines: str, headings: str = HEADINGS) -> Import:
    return upload(browser, USERS, "\n".join([headings, *lines]), sheet=SHEET)


def line(person: User, manages: str) -> str:
    return f'{person.email},{person.first_name},{person.last_name},"{manages}"'


def managed(person: User) -> list[str] | None:
    """The names of the warehouses; None for rights everywhere."""
    stored = User.objects.get(pk=person.pk)
    names = [*person.managed_warehouses.order_by("warehouse__name").values_list("warehouse__name", flat=True)]
    return names if stored.is_confined else None


def exported(browser: Client) -> list[dict[str, str]]:
    answer = browser.post(f"{USERS}export/{SHEET}&format=csv")
    job = build(Export.objects.get(pk=answer["Location"].split("/")[-2]))
    text = content_of(browser.get(f"{USERS}export/{job.pk}/file/")).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# --- What it writes ---------------------------------------------------------------------------------------------
@each(
    ("cell", "before", "after", "found"),
    [
        ("north dock", ["River Annex"], "North Dock", ["North Dock"]),
        ("North Dock; River Annex", None, "North Dock; River Annex", ["North Dock", "River Annex"]),
        ("everywhere", ["North Dock"], "everywhere", None),
        ("ÜBERALL", ["North Dock"], "everywhere", None),
        ("nowhere", ["North Dock"], "nowhere", []),
        ("nirgends", None, "nowhere", []),
        ("North Dock", [], "North Dock", ["North Dock"]),
    ],
)
def test_names_or_a_word_say_where_rights_count(
    cell: str,
    before: list[str] | None,
    after: str,
    found: list[str] | None,
    admin: Client,
    make_user: Callable[..., User],
    north: Warehouse,
    river: Warehouse,
) -> None:
    person = member(make_user("mia.manager@example.test"), roles.SITE_MANAGER)
    if before is not None:
        confined(person, roles.SITE_MANAGER, *(one for one in (north, river) if one.name in before))
    shown = "everywhere" if before is None else "; ".join(before) or "nowhere"
    job = people(admin, line(person, cell))
    assert (faults(job), job.report["changed"]) == ([], [[2, person.email, [["manages", shown, after]]]])
    assert apply(admin, USERS, job).state == Import.State.APPLIED
    assert managed(person) == found
    assert counts(people(admin, line(person, cell))) == (0, 0, 1, 0)


def test_rights_everywhere_keep_the_list_for_later(admin: Client, mia: User) -> None:
    """As the form does."""
    apply(admin, USERS, people(admin, line(mia, "everywhere")))
    assert [row.warehouse.name for row in mia.managed_warehouses.all()] == ["North Dock"]


def test_an_empty_cell_changes_nothing(admin: Client, mia: User) -> None:
    assert counts(people(admin, line(mia, ""))) == (0, 0, 1, 0)
    job = apply(admin, USERS, people(admin, f"{mia.email},Mina,Manager,"))
    assert job.state == Import.State.APPLIED
    assert managed(mia) == ["North Dock"]


def test_new_people_have_rights_everywhere_or_where_the_cell_says(admin: Client, north: Warehouse) -> None:
    headings = f"{HEADINGS},roles"
    lines = [
        "one.new@example.test,One,New,North Dock,Site manager",
        "two.new@example.test,Two,New,,Site manager",
        "three.new@example.test,Three,New,everywhere,",
    ]
    job = people(admin, *lines, headings=headings)
    assert (faults(job), [row[2].get("manages") for row in job.report["created"]]) == (
        [],
        ["North Dock", None, "everywhere"],
    )
    apply(admin, USERS, job)
    one, two, three = (User.objects.get(email=f"{name}.new@example.test") for name in ("one", "two", "three"))
    assert (managed(one), managed(two), managed(three)) == (["North Dock"], None, None)
    assert one.roles == ["Site manager"]


def test_a_period_that_is_not_over_stays_and_one_that_is_over_is_renewed(
    admin: Client, mia: User, north: Warehouse, river: Warehouse
) -> None:
    now = timezone.now()
    until, over = Period(None, now + timedelta(days=9)), Period(None, now - timedelta(days=9))
    ManagedWarehouse.objects.set_for(mia, add=[north], remove=[], period=until)
    ManagedWarehouse.objects.set_for(mia, add=[river], remove=[], period=over)
    job = people(admin, line(mia, "North Dock; River Annex"))
    assert job.report["changed"][0][2] == [["manages", "North Dock", "North Dock; River Annex"]]
    apply(admin, USERS, job)
    periods = dict(mia.managed_warehouses.values_list("warehouse__name", "ends_at"))
    assert periods == {"North Dock": until.ends_at, "River Annex": None}


def test_it_is_in_the_history_of_the_import(admin: Client, mia: User, river: Warehouse) -> None:
    job = apply(admin, USERS, people(admin, line(mia, "River Annex")))
    page = admin.get(
        "/admin/history/change-set/", {"operation": f"{job.applied_at:%Y-%m-%dT%H:%M:%S.%f%z}~{job.pk.hex}"}
    )
    assert sorted((one.what, one.subject) for one in page.context["changes"] if "Manag" in one.what) == [
        ("Management given", "mia.manager@example.test → River Annex"),
        ("Management taken", "mia.manager@example.test → North Dock"),
    ]


# --- Faults -----------------------------------------------------------------------------------------------------
def test_unknown_names_are_told_with_a_suggestion(admin: Client, mia: User, river: Warehouse) -> None:
    assert faults(people(admin, line(mia, "Rivr Annex; Nowhere Land"))) == [
        (2, "manages", "“Rivr Annex”: did you mean “River Annex”?"),
        (2, "manages", "There is no warehouse “Nowhere Land”."),
    ]


def test_only_back_office_users_manage_warehouses(admin: Client, pat: User, north: Warehouse) -> None:
    for cell in ("North Dock", "everywhere", "nowhere"):
        assert faults(people(admin, line(pat, cell))) == [
            (2, "manages", "Only Back Office users manage warehouses. Leave this empty.")
        ]


def test_a_superuser_is_never_confined(as_ada: Client, north: Warehouse, make_user: Callable[..., User]) -> None:
    other = make_user("sue.super@example.test", is_superuser=True)
    assert faults(people(as_ada, line(other, "North Dock"))) == [
        (2, "manages", "A superuser has all rights everywhere.")
    ]


def test_nobody_confines_themselves(make_user: Callable[..., User], north: Warehouse) -> None:
    boss = member(make_user("bea.boss@example.test"), roles.ADMINISTRATOR)
    assert faults(people(signed_in(boss), line(boss, "North Dock"))) == [
        (2, "manages", "You cannot do this to yourself. Ask a colleague.")
    ]


def test_the_last_administrator_cannot_be_confined(
    make_user: Callable[..., User], north: Warehouse, nothing_changes: Any
) -> None:
    boss = member(make_user("bea.boss@example.test"), roles.ADMINISTRATOR)
    leaving = member(make_user("lea.leaving@example.test"), roles.ADMINISTRATOR)
    User.objects.filter(pk=leaving.pk).update(employed_until=timezone.now() + timedelta(days=1))
    browser = signed_in(leaving)
    job = people(browser, line(boss, "North Dock"))
    assert faults(job) == []
    job = apply(browser, USERS, job)
    assert (job.state, job.report["notes"]) == (
        Import.State.CHECKED,
        [
            "This is the last active administrator whose employment has no end. "
            "Make somebody else an administrator first."
        ],
    )
    assert managed(boss) is None


def test_a_confined_importer_may_not_use_it(site: Site, make_user: Callable[..., User], nothing_changes: Any) -> None:
    colleague = confined(make_user("cole.colleague@example.test"), roles.SITE_MANAGER, site.own)
    refused = [(2, "manages", "You cannot change this: your rights count in certain warehouses only.")]
    for cell in ("everywhere", "nowhere"):
        assert faults(people(signed_in(site.manager), line(colleague, cell))) == refused
    assert faults(people(signed_in(site.manager), line(colleague, "Other Hall"))) == [
        (2, "manages", "There is no warehouse “Other Hall”.")
    ]
    assert counts(people(signed_in(site.manager), line(colleague, "Own Hall"))) == (0, 0, 1, 0)
    headings = f"{HEADINGS},is_warehouse_user,warehouses"
    new = 'new.hand@example.test,New,Hand,"Own Hall",yes,Own Hall'
    assert faults(people(signed_in(site.manager), new, headings=headings)) == refused


# --- Export -----------------------------------------------------------------------------------------------------
def test_an_export_comes_back_unchanged(
    admin: Client, mia: User, pat_north: Any, make_user: Callable[..., User], river: Warehouse
) -> None:
    ManagedWarehouse.objects.set_for(mia, add=[river], remove=[])
    confined(make_user("nora.nowhere@example.test"), roles.SITE_MANAGER)
    found = {row["email"]: row["manages"] for row in exported(admin)}
    assert found == {
        "mia.manager@example.test": "North Dock; River Annex",
        "nora.nowhere@example.test": "nowhere",
        "olive.office@example.test": "everywhere",
        "pat.picker@example.test": "",
    }
    with CaptureQueriesContext(connection) as made:
        rows = exported(admin)
    text = "\n".join([",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)])
    assert counts(upload(admin, USERS, text, sheet=SHEET)) == (0, 0, 4, 0)
    assert not [one for one in made if one["sql"].startswith('SELECT "users_user"."id", "users_user"."is_confined"')]


def test_a_confined_exporter_gets_only_names_that_they_know(site: Site, make_user: Callable[..., User]) -> None:
    confined(make_user("bo.both@example.test"), roles.SITE_MANAGER, site.own, site.other)
    browser = signed_in(site.manager)
    rows = exported(browser)
    assert {row["email"]: row["manages"] for row in rows} == {
        site.manager.email: "Own Hall",
        "bo.both@example.test": "Own Hall",
        site.here.email: "",
        site.both.email: "",
    }
    assert site.other.name not in str(rows)
    text = "\n".join([",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)])
    assert counts(upload(browser, USERS, text, sheet=SHEET)) == (0, 0, 4, 0)


# --- Template, and costs ----------------------------------------------------------------------------------------
def test_the_template_explains_it(admin: Client) -> None:
    template = admin.get(f"{USERS}import-template/{SHEET}&format=csv").content.decode()
    assert (
        "# manages: optional: Of a Back Office user: the names of the warehouses where their rights count" in template
    )


def test_the_number_of_queries_does_not_depend_on_the_number_of_people(
    admin: Client, make_user: Callable[..., User], north: Warehouse, river: Warehouse
) -> None:
    found = []
    for number in (1, 6):
        office = [make_user(f"of{number}fice{n}.hand@example.test") for n in range(number)]
        job = people(admin, *(line(one, "North Dock; River Annex") for one in office))
        with CaptureQueriesContext(connection) as made:
            apply(admin, USERS, job)
        assert {tuple(managed(one) or ()) for one in office} == {("North Dock", "River Annex")}
        found.append(len(made))
    assert found[0] == found[1]
