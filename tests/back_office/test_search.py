"""The search of each list, picker and of the history: a part of any word, in any spelling (issue 15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import sign_in
from users.models import Client as OAuthClient
from users.models import SearchEntry, Session, User
from users.sign_in.account_recovery import unlock_sign_in
from warehouses.models import Warehouse

LISTS = {
    "users": "/admin/users/user/",
    "sessions": "/admin/users/session/",
    "assignments": "/admin/assignments/warehouseuserassignment/",
    "security events": "/admin/users/auditevent/",
}
WAREHOUSES, HISTORY = "/admin/warehouses/warehouse/", "/admin/history/"

#: How somebody who is on the phone may type Jürgen Müller-Lüdenscheidt.
SPELLINGS = [
    *("mueller", "Muller", "ludenscheidt", "scheidt jur", "Müller, Jürgen", "jurgen mulle", "Jügren"),
    *("MÜLLER", "Mu\u0308ller", "lüdenscheidt müller", "luedenscheidt", "juergen", "ü", "Mülelr-Lüdenscheidt"),
]


@pytest.fixture
def jurgen(make_user: Callable[..., User], north: Warehouse, pat: User, sam: User) -> User:
    """He works in North Dock, is signed in, and there is an event about him. Two others are not to be found."""
    person = make_user("j.m@example.test", first_name="Jürgen", last_name="Müller-Lüdenscheidt", is_warehouse_user=True)
    WarehouseUserAssignment.objects.set_warehouses(person, add=[north], remove=[])
    for one in (person, sam):
        sign_in(one.email)
        unlock_sign_in(one)
    return person


def shown(browser: Client, path: str, **query: Any) -> list[Any]:
    return list(browser.get(path, query).context["cl"].result_list)


def picked(browser: Client, path: str, search: str) -> Any:
    return browser.get(path, {"search": search}).json()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_jurgen_is_found_in_every_list_and_picker_and_in_the_history(
    as_ada: Client, jurgen: User, river: Warehouse, spelling: str
) -> None:
    assert shown(as_ada, LISTS["users"], q=spelling) == [jurgen]
    assert [session.user for session in shown(as_ada, LISTS["sessions"], q=spelling)] == [jurgen]
    assert [row.user for row in shown(as_ada, LISTS["assignments"], q=spelling)] == [jurgen]
    rows = picked(as_ada, reverse("admin:assignments_assign_people_rows", args=[river.uuid]), spelling)["rows"]
    assert [row["id"] for row in rows] == [jurgen.pk]
    field = {"app_label": "users", "model_name": "session", "field_name": "user", "term": spelling}
    assert [row["id"] for row in as_ada.get("/admin/autocomplete/", field).json()["results"]] == [str(jurgen.pk)]
    form = as_ada.get(HISTORY, {"person": spelling, "actor": spelling}).context["form"]
    assert (form.cleaned_data["person"], form.cleaned_data["actor"]) == (jurgen, Q(pgh_context__user=jurgen.pk))


@pytest.mark.parametrize("spelling", SPELLINGS[:6])
def test_events_about_jurgen_are_found(as_ada: Client, jurgen: User, spelling: str) -> None:
    events = shown(as_ada, LISTS["security events"], q=spelling)
    assert {event.user_uuid or event.username for event in events} == {jurgen.uuid}


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("Çelik", ["Celik", "celik", "çelik", "ÇELIK", "eli", "Cleik", "Celikk", "Clik"]),
        ("Lefèvre", ["Lefevre", "LEFÈVRE", "Lefe\u0300vre"]),
        ("Straßer", ["strasser", "STRASSER", "Straßer", "aße", "asse", "STRAẞER"]),
        ("Mueller", ["Müller", "MUELLER", "muel", "ueller"]),
        ("Samuel", ["muel", "el", "samuel"]),
        ("Łukasz Ørsted", ["lukasz", "orsted", "łukasz ørsted"]),
        ("Öztürk", ["Oeztuerk", "Ozturk", "öztürk", "oeztuerk"]),
        ("Дмитрий", ["дмитрий", "ДМИТР", "Димтрий"]),
        ("O\u2019Brien", ["o'brien", "O\u2019BRIEN", "brien"]),
        ("100%_\\", ["100%", "%_", "_\\"]),
    ],
)
def test_a_name_is_found_as_people_type_it(
    as_ada: Client, pat: User, sam: User, name: str, spellings: list[str]
) -> None:
    User.objects.filter(pk=pat.pk).update(last_name=name)  # by SQL: whoever writes a name, it is found
    assert {one: shown(as_ada, LISTS["users"], q=one) for one in spellings} == {one: [pat] for one in spellings}


@pytest.mark.parametrize("text", ["sam picker", "pikrce", "pi", "picker@example.com", "'", "'pat", "\\", "pat:*", "|"])
def test_nobody_else_is_found(as_ada: Client, sam: User, text: str) -> None:
    assert shown(as_ada, LISTS["users"], q=text) == []


@pytest.mark.parametrize("text", [",", " , ;", "\0"])
def test_no_word_finds_everybody(as_ada: Client, ada: User, sam: User, text: str) -> None:
    assert shown(as_ada, LISTS["users"], q=text) == [ada, sam]


def test_a_character_that_postgresql_cannot_read_separates_words(as_ada: Client, pat: User, sam: User) -> None:
    field = {"app_label": "users", "model_name": "session", "field_name": "user", "term": "pick\0pat"}
    assert [row["id"] for row in as_ada.get("/admin/autocomplete/", field).json()["results"]] == [str(pat.pk)]


def test_people_are_found_by_id_and_uuid(as_ada: Client, jurgen: User) -> None:
    for text in (str(jurgen.pk), str(jurgen.uuid), f" {str(jurgen.uuid).upper()} "):
        assert shown(as_ada, LISTS["users"], q=text) == [jurgen]
        assert as_ada.get(HISTORY, {"person": text}).context["form"].cleaned_data["person"] == jurgen
    session = Session.objects.get(user=jurgen)
    for key in (jurgen.pk, jurgen.uuid, session.pk):
        assert shown(as_ada, LISTS["sessions"], q=key) == [session]
    row = WarehouseUserAssignment.objects.get()
    for key in (row.pk, row.uuid, jurgen.uuid, row.warehouse.uuid):
        assert shown(as_ada, LISTS["assignments"], q=key) == [row]


@pytest.mark.parametrize("text", ["annex", "RIVER", "river annex", "Annex, river", "Rívér", "Rievr", "id", "uuid"])
def test_a_warehouse_is_found_in_every_list_and_picker_and_in_the_history(
    as_ada: Client, jurgen: User, north: Warehouse, river: Warehouse, text: str
) -> None:
    text = str({"id": river.pk, "uuid": river.uuid}.get(text, text))
    assert shown(as_ada, WAREHOUSES, q=text) == [river]
    rows = picked(as_ada, reverse("admin:assignments_assign_warehouses_rows", args=[jurgen.uuid]), text)["rows"]
    assert [row["id"] for row in rows] == [river.pk]
    assert as_ada.get(HISTORY, {"warehouse": text}).context["form"].cleaned_data["warehouse"] == river
    field = {"app_label": "assignments", "model_name": "warehouseuserassignment", "field_name": "warehouse"}
    answer = as_ada.get("/admin/autocomplete/", field | {"term": text}).json()
    assert [row["id"] for row in answer["results"]] == [str(river.pk)]
    row = WarehouseUserAssignment.objects.get()
    assert shown(as_ada, LISTS["assignments"], q=text) == []
    WarehouseUserAssignment.objects.filter(pk=row.pk).update(warehouse=river)
    assert shown(as_ada, LISTS["assignments"], q=text) == [row]


@pytest.mark.parametrize("text", ["river", "RIVER ann", "annex", "id"])
def test_a_deleted_warehouse_is_found_in_the_history(as_ada: Client, river: Warehouse, text: str) -> None:
    text = str(river.pk) if text == "id" else text
    pk = river.pk
    river.remove()
    assert as_ada.get(HISTORY, {"warehouse": text}).context["form"].cleaned_data["warehouse"].pk == pk


def test_roles_and_clients_are_found(as_ada: Client, db: None) -> None:
    role = Group.objects.create(name="Prüfer, Süd")
    client = OAuthClient.objects.create(client_id="drucker-süd", name="Etikettendrucker", redirect_uris=[])
    for text in ("pruefer", "SUD prü", "Prüfre", role.pk):
        assert shown(as_ada, "/admin/auth/group/", q=text) == [role]
    for text in ("etikett", "sued drucker", "drukcer", client.pk):
        assert shown(as_ada, "/admin/users/client/", q=text) == [client]


def test_the_history_asks_which_of_several_people_is_meant(as_ada: Client, ada: User, pat: User, sam: User) -> None:
    page = as_ada.get(HISTORY, {"person": "example.test"})
    names = ", ".join(f"{one.email} (ID {one.pk})" for one in sorted((ada, pat, sam), key=lambda one: one.pk))
    assert page.context["form"].errors["person"] == [
        f"“example.test” can be: {names}. Please enter one of these IDs, or more letters."
    ]
    assert page.context["changes"] == []


# --- Similar names ------------------------------------------------------------------------------------------------
NOTE = "Nothing matches “Pikcer”. Did you mean one of these?"


def test_a_list_says_that_names_are_only_similar(as_ada: Client, pat_north: WarehouseUserAssignment) -> None:
    for path in (LISTS["users"], LISTS["assignments"]):
        assert NOTE in as_ada.get(path, {"q": "Pikcer"}).content.decode()
        assert "Did you mean" not in as_ada.get(path, {"q": "Picker"}).content.decode()
        assert "Did you mean" not in as_ada.get(path, {"q": "Nobody"}).content.decode()


def test_a_picker_says_that_names_are_only_similar(as_ada: Client, pat: User, north: Warehouse) -> None:
    rows = reverse("admin:assignments_assign_people_rows", args=[north.uuid])
    page = reverse("admin:assignments_assign_people", args=[north.uuid])
    for text, is_similar in (("Pikcer", True), ("Picker", False), ("Nobody", False), ("", False)):
        assert picked(as_ada, rows, text)["similar"] is is_similar
        assert (NOTE in as_ada.get(page, {"search": text}).content.decode()) is is_similar


def test_one_typing_error_is_taken_and_two_are_not(as_ada: Client, pat: User, sam: User) -> None:
    """A letter that is missing, too many, wrong, or at another place."""
    for text in ("Piker", "Piccker", "Pickar", "Picekr", "sam stakcer", "Stacker, Smam"):
        assert len(shown(as_ada, LISTS["users"], q=text)) == 1, text
    for text in ("Pikar", "sma stakcer"):
        assert shown(as_ada, LISTS["users"], q=text) == [], text


# --- What PostgreSQL keeps ----------------------------------------------------------------------------------------
def test_every_person_has_one_entry_with_their_name_whoever_writes_it(pat: User, sam: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users_user SET first_name = 'Paßt', email = upper(email) WHERE id = %s", [pat.pk])
        cursor.execute("DELETE FROM users_user WHERE id = %s", [sam.pk])
    entry = SearchEntry.objects.get()
    assert (entry.pk, entry.names, entry.sought) == (pat.pk, "passt picker", "passt picker pat.picker@example.test")


def test_a_sign_in_writes_no_entry(pat: User) -> None:
    written = "SELECT xmin::text FROM users_searchentry"
    with connection.cursor() as cursor:
        cursor.execute(f"{written}")
        before = cursor.fetchall()
        cursor.execute("UPDATE users_user SET last_login = now()")
        cursor.execute(written)
        assert cursor.fetchall() == before


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/admin/users/user/?q=pat", 5),  # session, person, who is found, how many, the page
        ("/admin/users/user/?q=pat+pick", 5),
        ("/admin/users/user/?q=pikcer", 6),  # nobody is found, and who is similar
        ("/admin/users/user/?q=nobody", 4),  # nobody is found, nor similar
        ("/admin/users/session/?q=pat", 5),
        ("/admin/users/user/?q=0", 4),  # nobody by id, nor by text
        ("/admin/warehouses/warehouse/?q=north", 6),
        ("/admin/assignments/warehouseuserassignment/?q=pat", 6),  # people, warehouses, keys, the rows
    ],
)
def test_a_search_costs_so_many_queries(
    as_ada: Client, pat_north: WarehouseUserAssignment, path: str, queries: int, django_assert_num_queries: Any
) -> None:
    sign_in(pat_north.user.email)
    with django_assert_num_queries(queries):
        assert as_ada.get(path).status_code == 200
