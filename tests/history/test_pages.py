"""History in the Back Office: a tab of each page and one searchable page, read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format
from django.utils.timezone import localtime, now
from django_otp.plugins.otp_totp.models import TOTPDevice

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api
from tests.support.back_office.history import HISTORY, ask, said, tab
from tests.support.back_office.staff import NEW_PASSWORD, change, group
from users.models import Session, User
from users.roles import ROLES
from warehouses.models import Warehouse

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    """A browser with Olive in it, who may do everything."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend=BACKEND)
    return client


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A browser with somebody in it who may do only what is named."""

    def browser(*codenames: str) -> Client:
        person = make_user("cleo.clerk@example.test")
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(person, backend=BACKEND)
        return client

    return browser


# --- What a change says -----------------------------------------------------------------------------------------
def test_a_change_is_shown_in_plain_words(office: Client, olive: User, mill: Warehouse) -> None:
    form = {"name": "New Mill", "is_active": "True", "note": "", "change_reason": "rebuilt", "confirmed": "1"}
    office.post(f"/admin/warehouses/warehouse/{mill.pk}/change/", form, headers={"X-Request-Id": "desk-1"})

    newest, created = ask(office, tab(mill))

    assert said(newest) == (
        "Changed",
        "New Mill",
        [("Name", "Old Mill", "New Mill"), ("Is this warehouse available?", "no", "yes")],
    )
    assert (newest.who, newest.through) == (olive.email, "Back Office")
    assert (newest.reason, newest.request_id) == ("rebuilt", "desk-1")
    assert created.what == "Created"


def test_roles_are_shown_as_they_were_and_became(office: Client, pat: User, as_pat: Api) -> None:
    for names in (["Auditor"], ["Auditor", "Staff manager"], ["Staff manager"]):
        change(office, pat, groups=[group(name).pk for name in names], is_warehouse_user=None)
    User.groups.through.objects.all().delete()

    told = [one.differences[0] for one in ask(office, tab(pat)) if one.differences[0].label == "Roles"]

    assert [(one.before, one.after) for one in told] == [
        ("Staff manager", ""),
        ("Auditor, Staff manager", "Staff manager"),
        ("Auditor", "Auditor, Staff manager"),
        ("", "Auditor"),
    ]
    assert told == [one.differences[0] for one in ask(office, kind="users.user") if "Roles" in str(one.differences[0])]
    User.objects.filter(is_superuser=True).update(language="de_DE")
    german = ask(office, tab(pat))[1].differences[0]
    assert (german.label, german.before, german.after) == (
        "Rollen",
        "Prüfung, Personalverwaltung",
        "Personalverwaltung",
    )


def test_every_way_of_giving_a_role_is_shown_with_its_actor(
    office: Client, olive: User, make_user: Callable[..., User]
) -> None:
    people = [make_user(f"{name}.new@example.test") for name in ("ann", "bob")]
    auditor = group("Auditor")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users_user_groups (user_id, group_id) SELECT id, %s FROM users_user WHERE email LIKE %s",
            [auditor.pk, "%.new@example.test"],
        )
    auditor.name = "Inspector"
    auditor.save()
    for person in people:
        renamed, given, _created = ask(office, tab(person))
        assert said(renamed)[2] == [("Roles", "Auditor", "Inspector")]
        assert said(given)[2] == [("Roles", "", "Auditor")]
        assert given.who == "Database"


def test_a_new_password_is_shown_without_its_value(office: Client, olive: User, pat: User) -> None:
    assert change(office, pat, password1=NEW_PASSWORD, password2=NEW_PASSWORD).status_code == 302
    newest = ask(office, tab(pat))[0]
    (fact,) = newest.differences
    assert (newest.who, newest.what, fact.label, fact.before) == (olive.email, "Changed", "Password changed", "")
    assert fact.after == date_format(
        localtime(User.objects.get(pk=pat.pk).password_changed_at), "SHORT_DATETIME_FORMAT"
    )
    assert b"argon2" not in office.get(tab(pat)).content


def test_the_second_factor_is_shown(office: Client, olive: User, pat: User) -> None:
    TOTPDevice.objects.create(user=pat, confirmed=True)
    office.post(f"/admin/users/user/{pat.pk}/reset-two-factor/")
    reset, switched_on, _created = ask(office, tab(pat))
    assert said(switched_on)[2] == [("Two-factor sign-in", "no", "yes")]
    assert (reset.who, said(reset)[2]) == (olive.email, [("Two-factor sign-in", "yes", "no")])


def test_what_is_shown_of_a_person_cannot_be_forged(olive: User) -> None:
    olive.roles, olive.has_two_factor, olive.password_changed_at = ["Administrator"], True, now()
    olive.save()
    olive.refresh_from_db()
    assert (olive.roles, olive.has_two_factor, olive.password_changed_at) == ([], False, None)


def test_an_assignment_is_shown_by_the_names_of_its_ends(
    office: Client, as_pat: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})

    newest = ask(office, tab(pat_north))[0]

    assert (newest.subject, newest.who, newest.through) == (f"{pat.email} → North Dock", pat.email, "API")
    assert [(one.before, one.after) for one in newest.differences] == [("no", "yes")]


def test_what_somebody_did_with_sql_is_the_databases(office: Client, north: Warehouse) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE warehouses_warehouse SET note = 'by hand'")

    newest = ask(office, tab(north))[0]

    assert (newest.who, newest.through) == ("Database", "directly in the database, past this site")


def test_a_deleted_warehouse_keeps_its_name_in_history(
    office: Client, pat_north: WarehouseUserAssignment, north: Warehouse, pat: User
) -> None:
    pat_north.delete()
    pk = north.pk
    north.delete()

    for question in ("North Dock", "NORTH dock", str(pk)):
        assert {(one.what, one.subject) for one in ask(office, warehouse=question)} == {
            ("Created", "North Dock"),
            ("Assigned", f"{pat.email} → North Dock"),
            ("Deassigned", f"{pat.email} → North Dock"),
            ("Deleted", "North Dock"),
        }


def test_a_name_is_text_and_never_markup(office: Client, north: Warehouse) -> None:
    Warehouse.objects.filter(pk=north.pk).update(name="<img src=x onerror=alert(1)>")
    for path in (HISTORY, tab(north)):
        assert b"<img" not in office.get(path).content


# --- Which changes are shown ------------------------------------------------------------------------------------
def test_a_tab_shows_what_concerns_its_object(
    office: Client, pat_north: WarehouseUserAssignment, sam_north: WarehouseUserAssignment, pat: User, river: Warehouse
) -> None:
    assert {one.subject for one in ask(office, tab(pat))} == {f"{pat.email} → North Dock", pat.email}
    assert [one.subject for one in ask(office, tab(river))] == ["River Annex"]
    assert len(ask(office, tab(pat_north))) == 1


def test_each_question_narrows(
    office: Client, as_pat: Api, pat: User, sam: User, olive: User, pat_north: Any, pat_river: Any, sam_north: Any
) -> None:
    as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    began = f"{Warehouse.objects.earliest('created_at').created_at:%Y-%m-%d}"

    assert {one.kind for one in ask(office, person=pat.email.upper())} == {
        "User",
        "Assignment",
        "Session",
    }
    assert len(ask(office, person=sam.email, warehouse="North Dock")) == 1
    assert len(ask(office, warehouse="River Annex")) == len(ask(office, warehouse="river ANNEX")) == 2
    assert [one.what for one in ask(office, actor=pat.email)] == ["Changed"]
    assert {one.who for one in ask(office, actor="database")} == {"Database"}
    assert {one.kind for one in ask(office, kind="users.session")} == {"Session"}
    assert ask(office, since=began, until=f"{localtime():%Y-%m-%d}") == ask(office)
    assert ask(office, until="2000-01-01") == ask(office, since="2999-12-31") == []
    assert ask(office, actor=olive.email) == []


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"person": "nobody@example.test"}, "No person has the name, e-mail or ID “nobody@example.test”."),
        ({"warehouse": "Nowhere"}, "No warehouse has the name or ID “Nowhere”."),
        ({"warehouse": "9" * 30}, "No warehouse has the name or ID"),
        ({"actor": "nobody"}, "No person has the name, e-mail or ID “nobody”."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"until": "9999-12-31"}, "Ensure this value is less than or equal to 2999-12-31."),
        ({"kind": "auth.group"}, "Select a valid choice."),
    ],
)
def test_a_question_about_nothing_says_so(office: Client, north: Warehouse, question: Any, message: str) -> None:
    response = office.get(HISTORY, question)
    assert response.context["changes"] == []
    assert message in response.content.decode()


# --- Pages ------------------------------------------------------------------------------------------------------
def test_pages_follow_each_other_without_gap_or_repeat(office: Client, pat_north: Any, sam_north: Any) -> None:
    Warehouse.objects.bulk_create(Warehouse(name=f"Warehouse {n}") for n in range(130))
    seen: list[Any] = []
    link = "?"
    while link:
        response = office.get(HISTORY + link)
        seen += [one.position for one in response.context["changes"]]
        link = response.context["older"]

    assert len(seen) == len(set(seen)) == 137 + len(ROLES)
    assert [one.moment for one in seen] == sorted((one.moment for one in seen), reverse=True)


@pytest.mark.parametrize("after", ["", "x", "a~b~c", "2026-01-01~1~x", "2026-01-01T00:00:00+00:00~99999999999~x"])
def test_a_broken_position_starts_at_the_newest(office: Client, north: Warehouse, after: str) -> None:
    assert ask(office, after=after) == ask(office) != []


@pytest.mark.parametrize("rows", [1, 40])
def test_the_cost_does_not_grow_with_the_rows(office: Client, assign: Any, pat: User, rows: int) -> None:
    for n in range(rows):
        assign(pat, Warehouse.objects.create(name=f"Warehouse {n}"), is_active=True)
    ask(office)
    for path, most in ((HISTORY, 4), (tab(pat), 5)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(office, path)
        assert len(queries) == most, [query["sql"][:80] for query in queries]


# --- Who may read, and that nobody may write --------------------------------------------------------------------
def test_a_person_reads_the_history_of_what_they_may_view(
    clerk: Callable[..., Client], pat_north: WarehouseUserAssignment, north: Warehouse, pat: User
) -> None:
    browser = clerk("view_warehouse")

    assert {one.kind for one in ask(browser)} == {one.kind for one in ask(browser, tab(north))} == {"Warehouse"}
    assert browser.get(tab(pat)).status_code == 403
    assert browser.get(HISTORY, {"kind": "users.user"}).context["changes"] == []


def test_an_auditor_reads_all_history(make_user: Callable[..., User], as_pat: Api, pat: User, pat_north: Any) -> None:
    auditor = make_user("ada.auditor@example.test")
    auditor.groups.add(Group.objects.get(name="Auditor"))
    browser = Client()
    browser.force_login(auditor, backend=BACKEND)

    assert {one.kind for one in ask(browser)} == {"User", "Session", "Warehouse", "Assignment", "Role"}
    for row in (pat, pat_north, pat_north.warehouse, Session.objects.get()):
        assert ask(browser, tab(row))


def test_a_person_who_may_view_nothing_reads_no_history(clerk: Callable[..., Client], north: Warehouse) -> None:
    browser = clerk()
    assert browser.get(HISTORY).status_code == 403
    assert browser.get(tab(north)).status_code == 403


def test_a_page_of_history_takes_no_writes(office: Client, north: Warehouse) -> None:
    with CaptureQueriesContext(connection) as queries:
        for path in (HISTORY, tab(north)):
            for write in (office.post, office.put, office.patch, office.delete):
                write(path, {"person": "x"})
    assert [q["sql"] for q in queries if q["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}] == []


def test_history_of_what_is_not_there_says_so(office: Client) -> None:
    response = office.get("/admin/warehouses/warehouse/4711/history/", follow=True)
    assert "4711" in response.content.decode()
