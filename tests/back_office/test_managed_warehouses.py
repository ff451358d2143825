"""Giving confinement: the switch on the form of a person, and the page of the warehouses that they manage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assignments.models import ManagedWarehouse
from config.database.periods import Period
from tests.support.back_office.staff import LIST, NEW_PASSWORD, change, errors, group, member, signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.models import User
from warehouses.models import Warehouse

ADD = f"{LIST}add/"
MANAGED = "/admin/assignments/warehouseuserassignment/managed/"


@pytest.fixture
def mia(make_user: Any) -> User:
    return member(make_user("mia.manager@example.test"), roles.SITE_MANAGER)


def page_of(person: User) -> str:
    return f"{MANAGED}{person.uuid}/"


def managed(person: User) -> list[str]:
    return sorted(person.managed_warehouses.values_list("warehouse__name", flat=True))


# --- The switch -------------------------------------------------------------------------------------------------
def test_the_rights_of_a_person_are_confined_on_their_form(as_manager: Client, mia: User) -> None:
    assert change(as_manager, mia, is_confined="on").status_code == 302
    assert User.objects.get(pk=mia.pk).is_confined
    assert change(as_manager, mia).status_code == 302
    assert not User.objects.get(pk=mia.pk).is_confined


def test_confining_ends_no_session(as_manager: Client, mia: User) -> None:
    theirs = signed_in(mia)
    assert change(as_manager, mia, is_confined="on").status_code == 302
    assert theirs.get("/admin/").status_code == 200


def test_a_new_confined_person_leads_to_their_warehouses(as_manager: Client) -> None:
    answer = as_manager.post(
        ADD,
        {
            "email": "sal.site@example.test",
            "first_name": "Sal",
            "last_name": "Site",
            "language": "en_US",
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
            "groups": [group(roles.SITE_MANAGER).pk],
            "is_confined": "on",
        },
    )
    sal = User.objects.get(email="sal.site@example.test")
    assert sal.is_confined
    assert answer["Location"] == page_of(sal)


def test_nobody_confines_or_frees_themselves(as_manager: Client, manager: User, site: Site) -> None:
    form = as_manager.get(f"{LIST}{manager.pk}/change/").context["adminform"].form
    assert form.fields["is_confined"].disabled
    assert change(as_manager, manager, is_confined="on").status_code == 302
    assert not User.objects.get(pk=manager.pk).is_confined
    assert change(signed_in(site.manager), site.manager, first_name="Corinna").status_code == 302
    cora = User.objects.get(pk=site.manager.pk)
    assert (cora.first_name, cora.is_confined) == ("Corinna", True)


def test_warehouse_users_and_superusers_are_not_confined(
    as_ada: Client, make_user: Any, pat: User, mia: User, nothing_changes: Any
) -> None:
    sue = make_user("sue.super@example.test", is_superuser=True)
    with nothing_changes():
        refused = errors(change(as_ada, pat, is_confined="on"))
        assert refused == {"is_confined": ["Only for Back Office users: warehouse users have no rights."]}
        refused = errors(change(as_ada, sue, is_confined="on"))
        assert refused["is_confined"] == ["A superuser has all rights everywhere."]


def test_the_last_administrator_is_not_confined(make_user: Any, nothing_changes: Any) -> None:
    first, second = (member(make_user(f"{name}@example.test"), roles.ADMINISTRATOR) for name in ("a.one", "b.two"))
    assert change(signed_in(first), second, is_confined="on").status_code == 302
    third = member(make_user("c.three@example.test"), roles.ADMINISTRATOR)
    User.objects.filter(pk=third.pk).update(employed_until=timezone.now() + timedelta(days=9))
    client = signed_in(third)
    with nothing_changes():
        refused = errors(change(client, first, is_confined="on"))
    assert "This is the last active administrator" in refused["__all__"][0]


def test_who_edits_while_somebody_confines_the_person_is_told(as_manager: Client, as_ada: Client, mia: User) -> None:
    seen = as_manager.get(f"{LIST}{mia.pk}/change/").context["adminform"].form["seen"].value()
    change(as_ada, mia, is_confined="on")
    notes = " ".join(errors(change(as_manager, mia, seen=seen))["__all__"])
    assert "Rights only in certain warehouses" in notes
    assert User.objects.get(pk=mia.pk).is_confined


# --- The page of a person ---------------------------------------------------------------------------------------
def test_the_page_of_a_person_says_what_they_manage(
    as_manager: Client, mia: User, north: Warehouse, river: Warehouse
) -> None:
    view = f"{LIST}{mia.pk}/view/"
    assert "Managed warehouses" not in as_manager.get(view).content.decode()
    confined(mia, roles.SITE_MANAGER)
    page = as_manager.get(view).content.decode()
    assert "there are none: they see nothing yet" in page
    assert f'href="{page_of(mia)}"' in page
    ends = timezone.now() + timedelta(days=30)
    ManagedWarehouse.objects.set_for(mia, add=[north], remove=[], period=Period(None, ends))
    ManagedWarehouse.objects.set_for(mia, add=[river], remove=[])
    answer = as_manager.get(view)
    assert "they see nothing yet" not in answer.content.decode()
    (dock, until), (annex, always) = answer.context["manages"]
    assert (dock, annex, always) == (north, river, "")
    assert until.startswith("until ")


def test_a_confined_viewer_reads_their_own_of_them(site: Site, make_user: Any) -> None:
    bo = confined(make_user("bo.both@example.test"), roles.SITE_MANAGER, site.own, site.other)
    answer = signed_in(site.manager).get(f"{LIST}{bo.pk}/view/")
    assert [warehouse for warehouse, _period in answer.context["manages"]] == [site.own]
    assert "+ 1 elsewhere" in answer.content.decode()
    assert site.other.name not in answer.content.decode().partition('id="latest"')[0]
    assert not answer.context["managed_url"]


def test_the_list_filters_confined_people(as_manager: Client, site: Site) -> None:
    answer = as_manager.get(LIST, {"kind": "confined"})
    assert [one.email for one in answer.context["cl"].result_list] == [site.manager.email]
    assert "manages certain ones" in answer.content.decode()


# --- The page of managed warehouses -----------------------------------------------------------------------------
def test_warehouses_are_given_with_a_period_and_taken(
    as_manager: Client, mia: User, north: Warehouse, river: Warehouse
) -> None:
    confined(mia, roles.SITE_MANAGER, river)
    page = as_manager.get(page_of(mia))
    assert [row["title"] for row in page.context["page"].rows] == [north.name]
    assert page.context["may_edit"]
    sent = {"assign": north.pk, "deassign": river.pk, "until_day": "2099-05-03", "seen": page.context["seen"]}
    assert told(as_manager.post(page_of(mia), sent)) == ["Managed warehouses are updated. 1 given, 1 taken."]
    (row,) = mia.managed_warehouses.all()
    assert (row.warehouse, row.starts_at, row.ends_at and row.ends_at.year) == (north, None, 2099)
    rows = as_manager.get(f"{page_of(mia)}rows/", {"side": "assigned"}).json()["rows"]
    assert [(one["title"], "2099" in one["period"]) for one in rows] == [(north.name, True)]
    assert as_manager.get(f"{page_of(mia)}rows/", {"search": "riv"}).json()["rows"][0]["title"] == river.name


def test_changes_of_others_meanwhile_are_told(as_manager: Client, as_ada: Client, mia: User, north: Warehouse) -> None:
    confined(mia, roles.SITE_MANAGER)
    seen = as_manager.get(page_of(mia)).context["seen"]
    as_ada.post(page_of(mia), {"assign": north.pk})
    (note,) = as_manager.get(f"{page_of(mia)}changes/", {"seen": seen}).json()["changes"]
    assert note == "Meanwhile “North Dock” was also given by ada.admin@example.test."


def test_nobody_gives_warehouses_to_themselves(make_user: Any, north: Warehouse, nothing_changes: Any) -> None:
    boss = confined(make_user("boss.here@example.test"), roles.ADMINISTRATOR, north)
    client = signed_in(boss)
    assert not client.get(page_of(boss)).context["may_edit"]
    with nothing_changes():
        assert client.post(page_of(boss), {"deassign": north.pk}).status_code == 403
    assert managed(boss) == ["North Dock"]


def test_a_confined_manager_gives_what_they_manage(site: Site, make_user: Any) -> None:
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, site.own)
    third = Warehouse.objects.create(name="Third Hall")
    ManagedWarehouse.objects.set_for(site.manager, add=[third], remove=[])
    cora = signed_in(site.manager)
    assert [row["title"] for row in cora.get(page_of(ned)).context["page"].rows] == ["Third Hall"]
    answer = cora.post(page_of(ned), {"assign": f"{third.pk},{site.other.pk}"})
    assert told(answer) == [
        "Managed warehouses are updated. 1 given, 0 taken.",
        "1 chosen row is not there any more and was left out.",
    ]
    assert managed(ned) == ["Own Hall", "Third Hall"]


def test_a_confined_manager_gives_nothing_for_longer_than_they_manage_it(
    site: Site, make_user: Any, nothing_changes: Any
) -> None:
    """Else a deputy could stay: by a colleague whom they made one for ever."""
    ends = datetime(2999, 1, 1, tzinfo=UTC)
    ManagedWarehouse.objects.filter(user=site.manager).update(ends_at=ends)
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, site.own)
    ManagedWarehouse.objects.filter(user=ned).update(ends_at=ends)
    cora = signed_in(site.manager)
    for until, language, words in (
        ("", "en", "You manage “Own Hall” until 31 Dec 2998. Give it for no longer than that. Nothing was changed."),
        ("2999-01-01", "de", "Sie verwalten „Own Hall“ bis 31."),
    ):
        User.objects.filter(pk=site.manager.pk).update(language={"en": "en_US", "de": "de_DE"}[language])
        with nothing_changes():
            (refused,) = told(cora.post(page_of(ned), {"assign": site.own.pk, "until_day": until}))
        assert refused.startswith(words)
    assert cora.post(page_of(ned), {"assign": site.own.pk, "until_day": "2998-12-31"}).status_code == 302
    assert ned.managed_warehouses.filter(ends_at__lte=ends).exists()


def test_a_confined_manager_takes_the_last_one(site: Site, make_user: Any) -> None:
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, site.own)
    answer = signed_in(site.manager).post(page_of(ned), {"deassign": site.own.pk})
    assert (answer.status_code, answer["Location"], managed(ned)) == (302, LIST, [])


def test_who_also_manages_elsewhere_is_seen_and_not_changed(site: Site, make_user: Any, nothing_changes: Any) -> None:
    bo = confined(make_user("bo.both@example.test"), roles.SITE_MANAGER, site.own, site.other)
    cora = signed_in(site.manager)
    page = cora.get(f"{page_of(bo)}?side=assigned")
    assert [row["title"] for row in page.context["page"].rows] == [site.own.name]
    assert not page.context["may_edit"]
    assert page.context["elsewhere"].assigned == 1
    assert site.other.name not in page.content.decode()
    with nothing_changes():
        assert cora.post(page_of(bo), {"deassign": site.own.pk}).status_code == 403
    assert managed(bo) == ["Other Hall", "Own Hall"]


def test_who_is_not_confined_or_not_seen_has_no_such_page(as_manager: Client, site: Site, mia: User, pat: User) -> None:
    far = User.objects.create(email="fay.far@example.test", is_confined=True)
    for client, people in ((as_manager, (mia, pat)), (signed_in(site.manager), (far, mia))):
        for person in people:
            answer = client.get(page_of(person))
            assert (answer.status_code, told(answer)) == (302, ["User could not be found."])


def test_of_a_higher_rank_nothing_is_given_or_taken(
    as_manager: Client, make_user: Any, north: Warehouse, river: Warehouse
) -> None:
    boss = confined(make_user("boss.here@example.test"), roles.ADMINISTRATOR, north)
    assert as_manager.post(page_of(boss), {"assign": river.pk}).status_code == 403
    assert managed(boss) == ["North Dock"]
