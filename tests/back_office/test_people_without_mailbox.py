"""People without a mailbox: a sign-in name made from their name, and nothing is ever sent to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from tests.support.back_office.staff import LIST, change, errors, told
from tests.support.cases import each
from tests.support.sign_in.login import delivered, text
from users.account.sign_in_names import propose_sign_in_name
from users.models import User

HIRE = f"{LIST}add/?is_warehouse_user=1"
JUERGEN = {
    "first_name": "Jürgen",
    "last_name": "Müller",
    "language": "de_DE",
    "is_warehouse_user": "on",
    "has_mailbox": "on",  # the tick "Has no e-mail"
}
NAME = "juergen.mueller@staff.invalid"


# --- The name ---------------------------------------------------------------------------------------------------
@each(
    ("first", "last", "name"),
    [
        ("Jürgen", "Müller", "juergen.mueller"),
        ("Ayşe", "Çelik", "ayse.celik"),
        ("Anna Lena", "Weiß-Groß", "anna.lena.weiss-gross"),
        ("Siobhán", "O'Brien", "siobhan.obrien"),
        ("Łukasz", "Øst", "lukasz.ost"),
        ("伟", "王", "user"),
        ("-", "Ng", "ng"),
        ("A" * 45, "B" * 255, f"{'a' * 45}.{'b' * 10}"),
    ],
)
def test_a_name_is_proposed_that_every_keyboard_can_type(db: None, first: str, last: str, name: str) -> None:
    assert propose_sign_in_name(first, last, User()) == f"{name}@staff.invalid"


def test_a_name_that_is_taken_is_numbered(make_user: Callable[..., User], settings: Any) -> None:
    settings.SIGN_IN_DOMAIN = "people.example.test"
    make_user("pat.smith@people.example.test", status="deleted")
    make_user("Pat.Smith2@people.example.test")
    assert propose_sign_in_name("Pat", "Smith", User()) == "pat.smith3@people.example.test"
    make_user("pat.smith3@other.example.test")
    for number in range(3, 60):
        make_user(f"pat.smith{number}@people.example.test")
    assert propose_sign_in_name("Pat", "Smith", User()) == "pat.smith60@people.example.test"


def test_the_form_asks_for_a_name_while_it_is_filled_in(as_manager: Client) -> None:
    page = as_manager.get(HIRE)
    assert not page.context["adminform"].form["has_mailbox"].value()
    assert f'data-names="{LIST}sign-in-name/"' in page.content.decode()
    answer = as_manager.get(f"{LIST}sign-in-name/", {"first_name": "Jürgen", "last_name": "Müller"})
    assert answer.json() == {"name": NAME}


# --- The form ---------------------------------------------------------------------------------------------------
def test_somebody_without_a_mailbox_is_hired_with_a_name_only(as_manager: Client) -> None:
    answer = as_manager.post(HIRE, JUERGEN | {"email": "", "password1": "", "password2": ""})
    assert answer.status_code == 302, errors(answer)
    person = User.objects.get(email=NAME)
    assert (person.has_mailbox, person.has_usable_password()) == (False, False)
    assert answer["Location"] == f"{LIST}{person.pk}/temporary-password/"
    assert told(answer) == ["User was created successfully."]
    page = as_manager.get(f"{LIST}{person.pk}/view/").content.decode()
    assert f'<dt>Sign-in name</dt><dd>{NAME} <span class="history-hint person-note">no e-mail</span></dd>' in page


def test_the_name_may_be_typed(as_manager: Client) -> None:
    as_manager.post(HIRE, JUERGEN | {"email": "jm7@people.example.test", "password1": "", "password2": ""})
    assert not User.objects.get(email="jm7@people.example.test").has_mailbox


@each(
    ("changes", "field", "words"),
    [
        ({"email": "juergen"}, "email", "Enter a valid email address."),
        ({"email": "mona.manager@example.test"}, "email", "already exists"),
        ({"last_name": ""}, "last_name", "This field is required."),
        ({"has_mailbox": ""}, "email", "This field is required."),
        ({"has_mailbox": "", "email": "j@example.test"}, "password1", "This value should not be blank."),
        ({"password1": "correct-Horse-7!"}, "password2", "The password fields must match."),
    ],
)
def test_a_form_that_lacks_something_says_what(
    as_manager: Client, nothing_changes: Any, changes: dict[str, str], field: str, words: str
) -> None:
    with nothing_changes():
        answer = as_manager.post(HIRE, JUERGEN | {"email": "", "password1": "", "password2": ""} | changes)
    assert words in str(errors(answer)[field][0])
    is_ticked = bool(changes.get("has_mailbox", "on"))
    assert answer.context["adminform"].form["has_mailbox"].value() is is_ticked


def test_the_tick_is_changed_on_the_form_of_a_person_and_told_by_the_history(as_manager: Client, pat: User) -> None:
    assert told(change(as_manager, pat, has_mailbox="on")) == ["User was updated successfully."]
    pat.refresh_from_db()
    assert not pat.has_mailbox
    form = as_manager.get(f"{LIST}{pat.pk}/change/").context["adminform"].form
    assert form["has_mailbox"].value() is True
    assert "Has a mailbox" in as_manager.get(f"{LIST}{pat.pk}/history/").content.decode()
    change(as_manager, pat)
    pat.refresh_from_db()
    assert pat.has_mailbox


# --- Nothing is sent --------------------------------------------------------------------------------------------
def test_asking_for_a_password_by_email_says_the_same_and_sends_nothing(
    pat: User, sam: User, as_manager: Client
) -> None:
    User.objects.filter(pk=pat.pk).update(has_mailbox=False)
    pages = {
        text(Client().post("/account/password_reset/", {"email": email}, follow=True))
        for email in (pat.email, sam.email, "nobody@example.test")
    }
    assert len(pages) == 1
    assert [message.to for message in delivered()] == [[sam.email]]
