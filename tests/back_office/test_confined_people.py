"""Confined people on the pages of people: who is listed, found and shown, and what is changed and hired."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.back_office.staff import LIST, NEW_PASSWORD, bulk, change, errors, person, rows, signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.models import User

HIRE = f"{LIST}add/"
SALLY = {
    "email": "sally.season@example.test",
    "first_name": "Sally",
    "last_name": "Season",
    "language": "en_US",
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
}
ELSEWHERE = "This user is not only of your warehouses. Ask somebody who may do this everywhere."


@pytest.fixture
def cora(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def staff_manager(site: Site, make_user: Any) -> Client:
    """Somebody with the right to delete, confined to the same warehouse."""
    return signed_in(confined(make_user("stan.staff@example.test"), roles.STAFF_MANAGER, site.own))


def text(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def names_nothing_else(page: str, site: Site) -> None:
    """Neither the other warehouse, nor anybody who is only there or nowhere."""
    for secret in (site.other.name, site.elsewhere.email, site.nowhere.email):
        assert secret not in page


# --- The list ---------------------------------------------------------------------------------------------------
def test_the_list_has_the_people_of_ones_warehouses_and_oneself(cora: Client, site: Site) -> None:
    answer = cora.get(LIST)
    assert sorted(rows(answer)) == sorted(one.email for one in (site.here, site.both, site.manager))
    names_nothing_else(answer.content.decode(), site)


def test_other_warehouses_of_a_person_are_a_count(cora: Client, site: Site) -> None:
    cells = {one.email: one for one in cora.get(LIST).context["cl"].result_list}
    found = cells[site.both.email]
    assert (found.assigned, found.elsewhere, found.current_warehouse) == (1, 1, "")
    page = text(cora, LIST)
    assert "+ 1 elsewhere" in page
    assert "in another warehouse" in page
    assert cells[site.here.email].current_warehouse == site.own.name
    User.objects.filter(pk=site.manager.pk).update(language="de_DE")
    page = text(signed_in(User.objects.get(pk=site.manager.pk)), LIST)
    assert "+ 1 anderswo" in page
    assert "in einem anderen Lager" in page


def test_who_is_not_confined_reads_every_name(as_ada: Client, site: Site) -> None:
    page = text(as_ada, LIST)
    assert site.other.name in page
    assert "elsewhere<" not in page


def test_the_list_costs_one_query_more_than_for_others(site: Site, make_user: Any) -> None:
    everywhere = make_user("eve.everywhere@example.test")
    everywhere.groups.set(site.manager.groups.all())
    numbers = []
    for viewer in (everywhere, site.manager):
        client = signed_in(viewer)
        client.get(LIST)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(LIST)
        numbers.append(len(queries))
    assert numbers[1] - numbers[0] <= 1, numbers


@pytest.mark.parametrize("name", ["assigned", "working"])
def test_a_filter_by_another_warehouse_finds_nobody_and_does_not_name_it(cora: Client, site: Site, name: str) -> None:
    answers = {}
    for key in (site.other.pk, 9_999_999):
        answer = cora.get(LIST, {name: key})
        assert rows(answer) == []
        answers[key] = answer.content.decode().replace(str(key), "KEY")
    names_nothing_else(answers[site.other.pk], site)
    labels = [answers[key].count("Other") for key in answers]
    assert labels[0] == labels[1]
    assert site.here.email in rows(cora.get(LIST, {name: site.own.pk}))


def test_searches_find_and_suggest_nobody_of_elsewhere(cora: Client, site: Site) -> None:
    User.objects.filter(pk=site.elsewhere.pk).update(first_name="Quentin")
    wanted = [site.elsewhere.email, "Quentin", "Quentan", site.elsewhere.pk, site.elsewhere.uuid, site.nowhere.email]

    for asked in wanted:
        answer = cora.get(LIST, {"q": str(asked), "status": "all"})
        assert rows(answer) == [], asked
        assert not answer.context["cl"].is_similar
    assert rows(cora.get(LIST, {"q": site.both.email})) == [site.both.email]


def test_the_autocomplete_has_the_same_people_and_warehouses(cora: Client, site: Site) -> None:
    def found(model: str, field: str, **asked: str) -> set[str]:
        query: dict[str, str] = {"app_label": "assignments", "model_name": model, "field_name": field} | asked
        return {one["text"] for one in cora.get("/admin/autocomplete/", query).json()["results"]}

    row = "warehouseuserassignment"
    assert found(row, "warehouse") == {site.own.name}
    assert found(row, "warehouse", term="Other") == set()
    assert len(found(row, "user")) == 3
    assert found(row, "user", term=site.elsewhere.email) == set()


def test_the_search_of_pages_names_no_rows(cora: Client, site: Site) -> None:
    for asked in (site.other.name, site.elsewhere.email):
        assert asked not in text(cora, "/admin/search/", s=asked, extended=1)


# --- The page of a person ---------------------------------------------------------------------------------------
def test_a_page_shows_what_is_here_and_counts_the_rest(cora: Client, site: Site) -> None:
    answer = cora.get(f"{LIST}{site.both.pk}/view/")
    assert [row.warehouse for row in answer.context["rows"]] == [site.own]
    assert str(answer.context["works_in"]) == "in another warehouse"
    assert answer.context["current_form"].fields["current"].choices == [
        (str(site.own.pk), site.own.name), ("", "in another warehouse"),
    ]  # fmt: skip
    assert "+ 1 elsewhere" in answer.content.decode()
    parts = ("may_change", "switch", "may_delete", "may_set_password", "may_end_sessions")
    assert not any(answer.context[name] for name in parts)
    assert cora.get(f"{LIST}{site.here.pk}/view/").context["may_change"]


def test_the_form_of_a_confined_person_gives_no_rights(cora: Client, site: Site) -> None:
    fields = cora.get(f"{LIST}{site.here.pk}/change/").context["adminform"].form.fields
    assert not {"groups", "is_confined", "is_warehouse_user", "is_superuser"} & set(fields)
    role = Group.objects.get(name=roles.SITE_MANAGER)
    sent = {"groups": [role.pk], "is_confined": "on", "is_superuser": "on", "is_warehouse_user": None}
    assert change(cora, site.here, first_name="Heather", **sent).status_code == 302
    here = User.objects.get(pk=site.here.pk)
    assert here.first_name == "Heather"
    assert (here.is_warehouse_user, here.is_superuser, here.is_confined, here.groups.count()) == (True, False, False, 0)


def test_another_manager_of_the_same_warehouse_keeps_their_role(cora: Client, site: Site, make_user: Any) -> None:
    ned = confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, site.own)
    assert change(cora, ned, first_name="Edward", groups=[]).status_code == 302
    ned = User.objects.get(pk=ned.pk)
    assert (ned.first_name, ned.roles, ned.is_confined) == ("Edward", [roles.SITE_MANAGER], True)


def test_a_taken_email_is_refused_in_words_that_name_nobody(cora: Client, site: Site) -> None:
    neutral = "This e-mail cannot be used. Ask somebody who may do this everywhere."
    for status in ("active", "deleted"):
        User.objects.filter(pk=site.elsewhere.pk).update(status=status)
        answer = cora.post(HIRE, SALLY | {"email": site.elsewhere.email, "current": site.own.pk})
        assert errors(answer) == {"email": [neutral]}
        assert errors(change(cora, site.here, email=site.elsewhere.email)) == {"email": [neutral]}
    told_of = errors(cora.post(HIRE, SALLY | {"email": site.both.email, "current": site.own.pk}))
    assert told_of == {"email": [f"User with email “{site.both.email}” already exists."]}


def test_notes_of_an_edit_conflict_name_authors_and_no_emails(cora: Client, as_ada: Client, site: Site) -> None:
    seen = cora.get(f"{LIST}{site.here.pk}/change/").context["adminform"].form["seen"].value()
    change(as_ada, site.here, first_name="Heather")
    (found,) = errors(change(cora, site.here, first_name="Hermione", seen=seen)).values()
    notes = " ".join(found)
    assert "Heather" in notes
    assert "ada.admin@example.test" not in notes


# --- Hiring -----------------------------------------------------------------------------------------------------
def test_the_confined_hire_for_their_warehouses(cora: Client, site: Site) -> None:
    page = cora.get(HIRE)
    assert page.context["title"] == "Hire a warehouse user"
    form = page.context["adminform"].form
    assert not {"groups", "is_confined", "is_warehouse_user"} & set(form.fields)
    assert [list(form.fields[name].queryset) for name in ("current", "warehouses")] == [[site.own], [site.own]]
    told(answer := cora.post(HIRE, SALLY | {"current": site.own.pk}))
    sally = User.objects.get(email=SALLY["email"])
    assert answer["Location"] == f"{LIST}{sally.pk}/view/"
    assert sally.is_warehouse_user
    assert [(row.warehouse, row.is_active) for row in sally.assignments.all()] == [(site.own, True)]


def test_hiring_without_a_warehouse_or_for_another_one_is_refused(
    cora: Client, site: Site, nothing_changes: Any
) -> None:
    with nothing_changes():
        assert errors(cora.post(HIRE, SALLY)) == {"current": ["Choose at least one of your warehouses, here or below."]}
        other, missing = (cora.post(HIRE, SALLY | {"current": key}) for key in (site.other.pk, 9_999_999))
        assert errors(other) == errors(missing)
        assert list(errors(other)) == ["current"]
        assert list(errors(cora.post(HIRE, SALLY | {"warehouses": [site.other.pk]}))) == ["warehouses"]
        names_nothing_else(other.content.decode(), site)


def test_who_may_not_assign_creates_nobody(site: Site) -> None:
    role = Group.objects.get(name=roles.SITE_MANAGER)
    role.permissions.remove(*role.permissions.filter(codename="add_warehouseuserassignment"))
    client = signed_in(site.manager)
    assert client.get(HIRE).status_code == 403
    assert HIRE not in text(client, LIST)
    assert HIRE not in text(client, "/admin/")


def test_who_may_hire_is_led_there_from_the_first_page(cora: Client) -> None:
    assert HIRE in text(cora, "/admin/")


def test_a_proposed_sign_in_name_tells_of_no_namesake(cora: Client, site: Site, make_user: Any) -> None:
    def proposed() -> str:
        query = {"first_name": "Jo", "last_name": "Doe"}
        name: str = cora.get(f"{LIST}sign-in-name/", query).json()["name"]
        return name

    names = {proposed() for _n in range(5)}
    make_user("jo.doe@staff.invalid")
    names |= {proposed() for _n in range(5)}
    assert len(names) > 5
    for name in names:
        digits = name.removeprefix("jo.doe").removesuffix("@staff.invalid")
        assert digits.isdecimal(), name
        assert len(digits) == 5, name


def test_who_loses_the_warehouse_while_the_form_is_open_hires_nobody(
    cora: Client, site: Site, nothing_changes: Any
) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    with nothing_changes():
        assert list(errors(cora.post(HIRE, SALLY | {"current": site.own.pk}))) == ["current"]


# --- One person, and many ---------------------------------------------------------------------------------------
def test_a_person_who_also_works_elsewhere_is_not_changed(
    cora: Client, staff_manager: Client, site: Site, nothing_changes: Any
) -> None:
    page = f"{LIST}{site.both.pk}/"
    with nothing_changes():
        assert told(cora.post(f"{page}switch/deactivate/")) == [f"User was not deactivated. {ELSEWHERE}"]
        for act in ("sign-out", "unlock-sign-in", "temporary-password", "change"):
            assert cora.post(f"{page}{act}/", person(site.both)).status_code == 403, act
        assert staff_manager.post(f"{page}delete/").status_code == 302
    asked = staff_manager.get(f"{page}delete/")
    assert asked.context["refusal"].label == ELSEWHERE
    assert asked.context["assignments"] == 1


def test_ones_own_people_are_changed(cora: Client, staff_manager: Client, site: Site) -> None:
    page = f"{LIST}{site.here.pk}/"
    for act, status in (("deactivate", "blocked"), ("activate", "active")):
        cora.post(f"{page}switch/{act}/")
        assert User.objects.get(pk=site.here.pk).status == status
    for act in ("sign-out", "unlock-sign-in"):
        assert cora.post(f"{page}{act}/").status_code == 302, act
    slip = cora.post(f"{page}temporary-password/", {"seen": ""})
    assert slip.status_code == 302 or slip.context["password"]
    for client, act, status in ((staff_manager, "delete/", "deleted"), (cora, "switch/restore/", "active")):
        client.post(f"{page}{act}")
        assert User.objects.get(pk=site.here.pk).status == status


def test_a_bulk_action_leaves_out_those_of_elsewhere_without_a_word(cora: Client, site: Site) -> None:
    keys = [site.here.pk, site.both.pk, site.elsewhere.pk, site.nowhere.pk]
    answer = cora.post(f"{LIST}bulk/deactivate/", {"people": ",".join(map(str, keys)), "back": ""})
    assert told(answer) == ["1 user was deactivated.", f"1 left as is: {ELSEWHERE}"]
    found = dict(User.objects.values_list("pk", "status"))
    assert [found[key] for key in keys] == ["blocked", "active", "active", "active"]


def test_bulk_actions_that_concern_all_warehouses_are_not_offered(cora: Client, site: Site) -> None:
    offered = {value for value, _label in cora.get(LIST).context["action_form"].fields["action"].choices}
    assert {"deactivate", "assign_warehouses", "end_sessions"} <= offered
    assert not {"make_warehouse_user", "unmake_warehouse_user"} & offered
    for name in ("make-warehouse-user", "unmake-warehouse-user"):
        assert cora.post(f"{LIST}bulk/{name}/", {"people": site.here.pk}).status_code == 403


def test_many_are_assigned_to_ones_own_warehouses_only(cora: Client, site: Site, nothing_changes: Any) -> None:
    page = f"{LIST}bulk/assign-warehouses/"
    with nothing_changes():
        sent = {"people": site.here.pk, "warehouses": [site.other.pk], "back": ""}
        refused = cora.post(page, sent)
        assert list(refused.context["form"].errors) == ["warehouses"]
        names_nothing_else(refused.content.decode(), site)
        told(cora.post(page, sent | {"people": site.elsewhere.pk, "warehouses": [site.own.pk]}))
    WarehouseUserAssignment.objects.filter(pk=site.both_own.pk).delete()
    back = WarehouseUserAssignment.objects.create(user=site.both, warehouse=site.own, ends_at="2020-01-01T00:00:00Z")
    assert told(bulk(cora, "assign-warehouses", site.both, site.here, warehouses=[site.own.pk]))
    back.refresh_from_db()
    assert back.ends_at is None
