"""What a directory must not do to roles that are not its own alone, and what staff do at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from tests.support.back_office.staff import group, member
from tests.support.scim.directory import GROUP, Directory, error, register
from users.models import ClientRole, User

Watch = Callable[[], Any]
ABOVE = error(403, "A member may do more than this client may give: staff change them.")
OWN = error(403, "This role has rights, or others give it: only staff rename or delete it.")


@pytest.fixture
def crew(directory: Directory, sam: User) -> str:
    """A group that the directory has made, with one member: its path."""
    body = {"schemas": [GROUP], "displayName": "Crew", "members": [{"value": str(sam.uuid)}]}
    return f"/Groups/{directory.send('POST', '/Groups', body).json()['id']}"


def renamed(name: str = "Team") -> dict[str, Any]:
    return {"op": "replace", "path": "displayName", "value": name}


def test_a_role_of_somebody_above_the_client_keeps_its_name_and_is_not_deleted(
    directory: Directory, crew: str, ada: User, nothing_changes: Watch
) -> None:
    ada.groups.add(group("Crew"))
    with nothing_changes():
        answers = [directory.patch(crew, renamed()), directory.send("DELETE", crew)]
    assert [(one.status_code, one.json()) for one in answers] == [(403, ABOVE)] * 2


def test_a_role_that_another_client_gives_keeps_its_name_and_is_not_deleted(
    directory: Directory, crew: str, nothing_changes: Watch
) -> None:
    other, _secret = register("other")
    ClientRole.objects.create(client=other, role=group("Crew"))
    with nothing_changes():
        answers = [directory.patch(crew, renamed()), directory.send("DELETE", crew)]
    assert [(one.status_code, one.json()) for one in answers] == [(403, OWN)] * 2


def test_a_version_is_the_same_whatever_is_read_of_the_group(directory: Directory, crew: str, pat: User) -> None:
    version = directory.get(f"{crew}?excludedAttributes=members")["ETag"]
    assert directory.get(crew)["ETag"] == version
    answer = directory.patch(crew, renamed(), If_Match=version)
    assert (answer.status_code, group("Team").user_set.count()) == (204, 1)
    assert directory.patch(crew, renamed("Crew"), If_Match=version).status_code == 412


def test_the_schema_before_the_name_leaves_members_out_as_well(directory: Directory, crew: str) -> None:
    assert "members" not in directory.get(f"{crew}?excludedAttributes={GROUP}:members").json()


def test_whom_staff_give_the_role_meanwhile_keeps_it(
    directory: Directory, crew: str, pat: User, olive: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the comparison of versions and the write."""
    from assignments.scim.groups import Roles

    lock = Roles._lock

    def meanwhile(self: Roles, role: Group, *args: Any, **kwargs: Any) -> Any:
        member(olive, "Crew")
        return lock(self, role, *args, **kwargs)

    monkeypatch.setattr(Roles, "_lock", meanwhile)
    adding = {"op": "add", "path": "members", "value": [{"value": str(pat.uuid)}]}
    assert directory.patch(crew, adding).status_code == 204
    emails = set(group("Crew").user_set.values_list("email", flat=True))
    assert emails == {"pat.picker@example.test", "olive.office@example.test", "sam.stacker@example.test"}


def test_no_role_is_taken_for_another_in_a_sheet(directory: Directory, nothing_changes: Watch) -> None:
    """A sheet separates names by semicolons, and knows the shipped ones in both languages."""
    with nothing_changes():
        answers = [
            directory.send("POST", "/Groups", {"schemas": [GROUP], "displayName": name})
            for name in ("Auditor;x", "auditor", "PERSONALVERWALTUNG")
        ]
    semicolon = "displayName must not contain a semicolon: sheets separate roles by it."
    taken = error(409, "Another role has this name. Staff can let this client give it.", "uniqueness")
    found = [(one.status_code, one.json()) for one in answers]
    assert found == [(400, error(400, semicolon, "invalidValue")), (409, taken), (409, taken)]
