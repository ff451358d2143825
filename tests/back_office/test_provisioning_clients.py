"""Staff allow a client to provision people, and choose the roles that it may give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client as Browser

from tests.support.back_office.staff import errors, member, signed_in
from tests.support.scim.directory import register
from users.models import Client, ClientRole, DirectoryEntry, User

LIST = "/admin/users/client/"
ADD = f"{LIST}add/"
FORM = {"client_id": "contoso", "name": "Contoso", "redirect_uris": "", "allowed_origins": "", "change_reason": ""}


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> Browser:
    """Somebody who may do everything with clients, and nothing with people."""
    role = Group.objects.create(name="Clients")
    role.permissions.set(Permission.objects.filter(content_type__app_label="users", content_type__model="client"))
    return signed_in(member(make_user("cleo.clerk@example.test"), "Clients"))


def pk_of(*names: str) -> list[int]:
    return [Group.objects.get(name=name).pk for name in names]


def given(client: Client) -> list[str]:
    return sorted(ClientRole.objects.filter(client=client).values_list("role__name", flat=True))


def fields_of(answer: Any) -> set[str]:
    return set(answer.context["adminform"].form.fields)


@pytest.mark.usefixtures("scim")
def test_a_new_client_provisions_people_and_gives_the_roles_that_are_ticked(as_ada: Browser) -> None:
    sent = FORM | {"is_confidential": "True", "provisions_people": "on", "roles": pk_of("Auditor", "Site manager")}
    answer = as_ada.post(ADD, sent)
    client = Client.objects.get()
    assert (client.provisions_people, given(client)) == (True, ["Auditor", "Site manager"])
    page = answer.content.decode()
    assert 'value="https://bapi.example.test/scim/v2"' in page
    assert 'value="https://bapi.example.test/token"' in page
    shown = {"initial-roles": sent["roles"], "provisions_people": "on"}
    as_ada.post(f"{LIST}{client.pk}/change/", FORM | shown | {"roles": pk_of("Auditor")})
    assert given(client) == ["Auditor"]
    history = as_ada.get("/admin/history/").content.decode()
    for text in ("May give a role", "May no longer give a role", "May provision people (SCIM)"):
        assert text in history


@pytest.mark.usefixtures("scim")
def test_a_public_client_and_roles_without_provisioning_are_refused(as_ada: Browser) -> None:
    public = as_ada.post(ADD, FORM | {"is_confidential": "False", "provisions_people": "on"})
    assert errors(public) == {"provisions_people": ["Only a program that can keep a secret can do this."]}
    roles = as_ada.post(ADD, FORM | {"is_confidential": "True", "roles": pk_of("Auditor")})
    assert errors(roles) == {"roles": ["Tick that it may provision people, or choose no role."]}
    assert not Client.objects.exists()


@pytest.mark.usefixtures("scim")
def test_only_who_may_do_the_same_lets_a_client_provision_people(clerk: Browser) -> None:
    assert not fields_of(clerk.get(ADD)) & {"provisions_people", "roles"}
    clerk.post(ADD, FORM | {"is_confidential": "True", "provisions_people": "on", "roles": pk_of("Administrator")})
    client = Client.objects.get()
    assert (client.provisions_people, given(client)) == (False, [])


@pytest.mark.usefixtures("scim")
def test_a_client_that_may_do_more_than_somebody_is_not_theirs_to_change(clerk: Browser) -> None:
    """Whoever could make it a secret could act as it."""
    client, secret = register(roles=("Auditor",))
    page = clerk.get(f"{LIST}{client.pk}/change/")
    assert "Yes, and gives: Auditor" in page.content.decode()
    assert "_save" not in page.content.decode()
    for path in ("secret", "delete", "change"):
        assert clerk.post(f"{LIST}{client.pk}/{path}/", FORM | {"post": "yes"}).status_code == 403, path
    client.refresh_from_db()
    assert (client.check_client_secret(secret), client.name, given(client)) == (True, "Contoso", ["Auditor"])


@pytest.mark.usefixtures("scim")
def test_nobody_lets_a_client_give_a_role_that_they_could_not_give(make_user: Callable[..., User]) -> None:
    both = Group.objects.create(name="Clients and people")
    models = ("client", "user", "warehouseuserassignment")
    both.permissions.set(Permission.objects.filter(content_type__model__in=models))
    theo = signed_in(member(make_user("theo.two@example.test"), "Clients and people"))
    sent = FORM | {"is_confidential": "True", "provisions_people": "on"}
    refused = theo.post(ADD, sent | {"roles": pk_of("Administrator")})
    assert "roles" in errors(refused)
    assert not Client.objects.exists()
    theo.post(ADD, sent | {"roles": pk_of("Clients and people")})
    client = Client.objects.get()
    assert given(client) == ["Clients and people"]
    ClientRole.objects.create(client=client, role=Group.objects.get(name="Administrator"))
    assert theo.post(f"{LIST}{client.pk}/secret/").status_code == 403


def test_without_scim_nothing_of_it_is_on_the_page(as_ada: Browser) -> None:
    assert not fields_of(as_ada.get(ADD)) & {"provisions_people", "roles"}
    as_ada.post(ADD, FORM | {"is_confidential": "True", "provisions_people": "on"})
    assert Client.objects.get().provisions_people is False


@pytest.mark.usefixtures("scim")
def test_the_page_of_a_person_says_what_the_directory_calls_them(as_ada: Browser, pat: User) -> None:
    page = f"/admin/users/user/{pat.pk}/view/"
    assert "In the directory" not in as_ada.get(page).content.decode()
    DirectoryEntry.objects.create(user=pat, user_name="PAT@contoso.example")
    assert "PAT@contoso.example" in as_ada.get(page).content.decode()


@pytest.mark.usefixtures("scim")
def test_only_what_was_changed_on_the_page_of_roles_is_saved(as_ada: Browser) -> None:
    """What the directory and colleagues have given and taken meanwhile stays so."""
    client, _secret = register(roles=("Auditor", "Site manager"))
    sales = Group.objects.create(name="Sales")
    shown = {"initial-roles": pk_of("Auditor", "Site manager")}
    ClientRole.objects.filter(client=client, role__name="Site manager").delete()
    ClientRole.objects.create(client=client, role=sales)
    sent = FORM | {"provisions_people": "on"} | shown
    as_ada.post(f"{LIST}{client.pk}/change/", sent | {"roles": pk_of("Auditor", "Site manager"), "name": "New"})
    client.refresh_from_db()
    assert (client.name, given(client)) == ("New", ["Auditor", "Sales"])
    as_ada.post(f"{LIST}{client.pk}/change/", sent | {"roles": pk_of("Site manager", "Staff manager")})
    assert given(client) == ["Sales", "Staff manager"]


@pytest.mark.usefixtures("scim")
def test_a_client_that_begins_to_provision_gets_a_new_secret(as_ada: Browser) -> None:
    """Somebody who may do less than it may have made the one before."""
    client, secret = register(provisions_people=False)
    answer = as_ada.post(f"{LIST}{client.pk}/change/", FORM | {"provisions_people": "on"})
    client.refresh_from_db()
    assert (client.provisions_people, client.check_client_secret(secret)) == (True, False)
    assert 'id="client-secret"' in answer.content.decode()
    again = as_ada.post(f"{LIST}{client.pk}/change/", FORM | {"provisions_people": "on", "name": "Other"})
    assert again.status_code == 302


@pytest.mark.usefixtures("scim")
def test_the_page_of_a_role_says_which_directory_gives_it(as_ada: Browser) -> None:
    pages = [f"/admin/auth/group/{pk}/change/" for pk in pk_of("Auditor", "Staff manager")]
    register(roles=("Auditor",))
    told = ["A directory gives this role to people: Contoso." in as_ada.get(page).content.decode() for page in pages]
    assert told == [True, False]
