"""Groups are the roles that a client may give: no other role exists for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.back_office.staff import group, member
from tests.support.cases import each
from tests.support.scim.directory import GROUP, ROOT, Directory, error, register
from users.models import ClientRole, User

Watch = Callable[[], Any]
MISSING = error(404, "There is no such group.")
ABOVE = error(403, "A member may do more than this client may give: staff change them.")
HAS_RIGHTS = error(403, "This role has rights, or others give it: only staff rename or delete it.")
TAKEN = error(409, "Another role has this name. Staff can let this client give it.", "uniqueness")
NOBODY = error(400, "A member is no user of this site.", "invalidValue")
LAST = error(
    403,
    "This is the last active administrator whose employment has no end. Make somebody else an administrator first.",
)


@pytest.fixture
def giving(scim: None) -> Directory:
    """A directory that gives two roles."""
    return Directory(*register(roles=("Auditor", "Staff manager")))


def path_of(name: str) -> str:
    return f"/Groups/{group(name).pk}"


def members(*people: User) -> list[dict[str, str]]:
    return [{"value": str(one.uuid)} for one in people]


def adding(*people: User) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": members(*people)}


def role(name: str, **attributes: Any) -> dict[str, Any]:
    return {"schemas": [GROUP], "displayName": name} | attributes


# --- Read -------------------------------------------------------------------------------------------------------
def test_only_the_roles_of_the_client_are_there(giving: Directory, nothing_changes: Watch) -> None:
    listed = giving.get("/Groups").json()["Resources"]
    assert {one["displayName"] for one in listed} == {"Auditor", "Staff manager"}
    with nothing_changes():
        for path in (path_of("Administrator"), "/Groups/0", "/Groups/x", "/Groups/99999999999999999999", "/Groups/%00"):
            answers = [
                giving.get(path),
                giving.send("PUT", path, role("Auditor")),
                giving.patch(path, {"op": "replace", "path": "displayName", "value": "Mine"}),
                giving.send("DELETE", path),
            ]
            assert [(one.status_code, one.json()) for one in answers] == [(404, MISSING)] * 4, path


def test_a_group_is_read_with_its_members(giving: Directory, olive: User) -> None:
    member(olive, "Auditor")
    answer = giving.get(path_of("Auditor"))
    body = answer.json()
    meta = body.pop("meta")
    reference = f"http://testserver{ROOT}/Users/{olive.uuid}"
    assert body == {
        "schemas": [GROUP],
        "id": str(group("Auditor").pk),
        "displayName": "Auditor",
        "members": [{"value": str(olive.uuid), "$ref": reference, "type": "User"}],
    }
    assert (answer.status_code, answer["ETag"], meta["resourceType"]) == (200, meta["version"], "Group")
    assert giving.get(f"/Users/{olive.uuid}").json()["groups"] == [{"value": body["id"], "display": "Auditor"}]


def test_roles_of_others_are_not_told(giving: Directory, olive: User) -> None:
    member(olive, "Administrator", "Auditor")
    body = giving.get(f"/Users/{olive.uuid}").json()
    assert [one["display"] for one in body["groups"]] == ["Auditor"]
    assert "Administrator" not in giving.get(f"/Groups?filter=members eq {str(olive.uuid)!r}").content.decode()


def test_members_are_not_read_if_nobody_asks_for_them(giving: Directory, olive: User) -> None:
    member(olive, "Auditor")
    numbers = {}
    schema = "?attributes=urn:ietf:params:scim:schemas:core:2.0:Group"  # all of it (RFC 7644 section 3.10)
    for query in ("", "?excludedAttributes=members", "?attributes=displayName", "?attributes=members.value", schema):
        for path in ("/Groups", path_of("Auditor")):
            with CaptureQueriesContext(connection) as queries:
                answer = giving.get(path + query)
            [shown] = [
                one for one in answer.json().get("Resources", [answer.json()]) if one["id"] == path_of("Auditor")[8:]
            ]
            numbers[path, query] = len(queries)
            asks = query in ("", "?attributes=members.value", schema)
            assert ("members" in shown, '"users_user"."uuid"' in str(queries.captured_queries)) == (asks, asks), query
    lists = [number for (path, _query), number in numbers.items() if path == "/Groups"]
    assert lists[1] == lists[2] == lists[0] - 1


# --- Give and take ----------------------------------------------------------------------------------------------
def test_a_role_is_given_and_taken_by_its_members(giving: Directory, olive: User, sam: User) -> None:
    path = path_of("Auditor")
    assert giving.patch(path, adding(olive, sam)).status_code == 204
    assert {*group("Auditor").user_set.all()} == {olive, sam}
    sam.refresh_from_db()
    assert sam.roles == ["Auditor"]
    one = {"op": "remove", "path": f'members[value eq "{sam.uuid}"]'}
    assert giving.patch(path, one).status_code == 204
    assert {*group("Auditor").user_set.all()} == {olive}
    assert giving.send("PUT", path, role("Auditor", members=members(sam))).status_code == 200
    assert {*group("Auditor").user_set.all()} == {sam}
    assert giving.patch(path, {"op": "remove", "path": "members"}).status_code == 204
    assert not group("Auditor").user_set.exists()


def test_what_is_so_already_writes_nothing(giving: Directory, olive: User, nothing_changes: Watch) -> None:
    path = path_of("Auditor")
    giving.patch(path, adding(olive))
    read = giving.get(path)
    with nothing_changes():
        assert giving.patch(path, adding(olive)).status_code == 204
        absent = {"op": "remove", "path": 'members[value eq "0198c0de-0000-7000-8000-000000000000"]'}
        assert giving.patch(path, absent).status_code == 204
        assert giving.send("PUT", path, read.json()).json() == read.json()
        assert giving.patch(path, {"op": "replace", "value": {"displayName": "Auditor"}}).status_code == 204
    assert giving.get(path, If_None_Match=read["ETag"]).status_code == 304


def test_the_history_of_a_role_names_the_client(giving: Directory, olive: Any) -> None:
    giving.patch(path_of("Auditor"), adding(olive))
    event = olive.events.latest("pgh_id")
    context = event.pgh_context
    assert (event.roles, context["client"], context["provider"]) == (["Auditor"], "scim", "Contoso")
    assert "user" not in context or context["user"] is None


def test_members_who_do_not_exist_are_refused(
    giving: Directory, olive: User, sam: User, nothing_changes: Watch
) -> None:
    User.objects.filter(pk=sam.pk).update(status=User.Status.DELETED)
    path = path_of("Auditor")
    with nothing_changes():
        for value in (str(sam.uuid), "0198c0de-0000-7000-8000-000000000000", "x", "\x00", str(group("Auditor").pk)):
            several = [*members(olive), {"value": value}]
            answers = [
                giving.patch(path, {"op": "add", "path": "members", "value": several}),
                giving.send("PUT", path, role("Auditor", members=several)),
                giving.send("POST", "/Groups", role("Crew", members=several)),
            ]
            assert [(one.status_code, one.json()) for one in answers] == [(400, NOBODY)] * 3, value


def test_a_deleted_member_stays_one_for_the_history(giving: Directory, olive: User, sam: User) -> None:
    """What staff restore is what was there before."""
    path = path_of("Auditor")
    giving.patch(path, adding(olive, sam))
    giving.send("DELETE", f"/Users/{sam.uuid}")
    assert [one["value"] for one in giving.get(path).json()["members"]] == [str(olive.uuid)]
    assert giving.send("PUT", path, role("Auditor")).status_code == 200
    assert {*group("Auditor").user_set.all()} == {sam}


@each("names", [("Administrator",), ("Administrator", "Auditor")])
def test_nobody_above_the_client_is_given_or_taken_a_role(
    giving: Directory, olive: User, sam: User, nothing_changes: Watch, names: tuple[str, ...]
) -> None:
    member(olive, *names)
    path = path_of("Auditor")
    is_member = "Auditor" in names
    change = {"op": "remove", "path": f'members[value eq "{olive.uuid}"]'} if is_member else adding(olive)
    with nothing_changes():
        answers = [giving.patch(path, change)]
        if not is_member:
            answers += [
                giving.send("PUT", path, role("Auditor", members=members(olive, sam))),
                giving.send("POST", "/Groups", role("Crew", members=members(olive, sam))),
            ]
        assert {(one.status_code, str(one.json())) for one in answers} == {(403, str(ABOVE))}


def test_a_superuser_is_above_every_client(giving: Directory, ada: User, nothing_changes: Watch) -> None:
    with nothing_changes():
        answer = giving.patch(path_of("Auditor"), adding(ada))
        assert (answer.status_code, answer.json()) == (403, ABOVE)


# --- The last administrator -------------------------------------------------------------------------------------
@pytest.fixture
def last(scim: None, olive: User) -> Directory:
    """A directory that gives the role of the one administrator."""
    member(olive, "Administrator")
    return Directory(*register(roles=("Administrator",)))


def test_the_last_administrator_stays(last: Directory, olive: User, nothing_changes: Watch) -> None:
    person, path = f"/Users/{olive.uuid}", path_of("Administrator")
    ours = "urn:ietf:params:scim:schemas:extension:warehouses:2.0:User"
    with nothing_changes():
        answers = [
            last.patch(person, {"op": "replace", "path": "active", "value": False}),
            last.patch(person, {"op": "add", "path": f"{ours}:isWarehouseUser", "value": True}),
            last.send("DELETE", person),
            last.patch(path, {"op": "remove", "path": "members"}),
            last.send("PUT", path, role("Administrator")),
        ]
        assert [(one.status_code, one.json()) for one in answers] == [(403, LAST)] * 5


def test_an_administrator_of_several_leaves(last: Directory, olive: User, make_user: Callable[..., User]) -> None:
    mona = member(make_user("mona.manager@example.test"), "Administrator")
    assert last.send("PUT", path_of("Administrator"), role("Administrator", members=members(mona))).status_code == 200
    assert last.send("DELETE", f"/Users/{olive.uuid}").status_code == 204


# --- Roles themselves -------------------------------------------------------------------------------------------
def test_a_new_role_has_no_right(giving: Directory, olive: User) -> None:
    answer = giving.send("POST", "/Groups", role("Crew", externalId="g1", members=members(olive)))
    created = group("Crew")
    assert (answer.status_code, answer.json()["id"], answer.json()["externalId"]) == (201, str(created.pk), "g1")
    assert (created.permissions.count(), {*created.user_set.all()}) == (0, {olive})
    assert answer.json() == giving.get(path_of("Crew")).json()
    other = Directory(*register("fabrikam"))
    assert other.get(path_of("Crew")).status_code == 404


def test_its_own_identifier_of_each_directory(giving: Directory) -> None:
    other = Directory(*register("fabrikam", ("Auditor",)))
    for number, one in enumerate((giving, other)):
        change = {"op": "add", "path": "externalId", "value": f"g{number}"}
        assert one.patch(path_of("Auditor"), change).status_code == 204
    found = [[len(one.find(f'externalId eq "g{n}"', "Groups")) for n in (0, 1)] for one in (giving, other)]
    assert found == [[1, 0], [0, 1]]


@each("name", ["Auditor", "AUDITOR", " auditor ", "Administrator", "Audi\u200btor"])
def test_no_role_has_the_name_of_another(giving: Directory, nothing_changes: Watch, name: str) -> None:
    with nothing_changes():
        answer = giving.send("POST", "/Groups", role(name))
        assert (answer.status_code, answer.json()) == (409, TAKEN)


@each("name", [" ", "x" * 151, "\u200b"])
def test_a_role_has_a_name(giving: Directory, nothing_changes: Watch, name: str) -> None:
    with nothing_changes():
        answer = giving.send("POST", "/Groups", role(name))
        detail = "displayName must have 1 to 150 characters."
        assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidValue"))


def test_an_identifier_that_is_too_long_is_refused(giving: Directory, nothing_changes: Watch) -> None:
    detail = "externalId: Ensure this value has at most 255 characters (it has 256)."
    with nothing_changes():
        answers = [
            giving.send("POST", "/Groups", role("Crew", externalId="x" * 256)),
            giving.patch(path_of("Auditor"), {"op": "add", "path": "externalId", "value": "x" * 256}),
        ]
        assert [(one.status_code, one.json()) for one in answers] == [(400, error(400, detail, "invalidValue"))] * 2


def test_a_role_with_rights_is_renamed_and_deleted_by_staff_alone(giving: Directory, nothing_changes: Watch) -> None:
    path = path_of("Auditor")
    with nothing_changes():
        answers = [
            giving.send("PUT", path, role("Controller")),
            giving.patch(path, {"op": "replace", "path": "displayName", "value": "Controller"}),
            giving.send("DELETE", path),
        ]
        assert [(one.status_code, one.json()) for one in answers] == [(403, HAS_RIGHTS)] * 3


def test_a_role_without_rights_is_the_directorys_until_staff_give_it_some(giving: Directory, olive: User) -> None:
    giving.send("POST", "/Groups", role("Crew", members=members(olive)))
    path = path_of("Crew")
    assert giving.send("PUT", path, role("Team", members=members(olive))).json()["displayName"] == "Team"
    olive.refresh_from_db()
    assert olive.roles == ["Team"]
    group("Team").permissions.add(Permission.objects.all()[0])
    assert giving.send("DELETE", path).status_code == 403
    group("Team").permissions.clear()
    assert giving.send("DELETE", path).status_code == 204
    olive.refresh_from_db()
    assert (olive.roles, Group.objects.filter(name="Team").exists(), ClientRole.objects.count()) == ([], False, 2)


def test_a_version_of_a_group_is_asked_for(giving: Directory, olive: User, nothing_changes: Watch) -> None:
    path = path_of("Auditor")
    before = giving.get(path)["ETag"]
    assert giving.get(path, If_None_Match=before).status_code == 304
    giving.patch(path, adding(olive))
    detail = "Failed to update. Resource has changed on the server"
    with nothing_changes():
        answer = giving.patch(path, {"op": "remove", "path": "members"}, If_Match=before)
        assert (answer.status_code, answer.json()) == (412, error(412, detail))
