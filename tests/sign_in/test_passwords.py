"""What a password may be, wherever it is set: on one's own page, behind the link of an e-mail, by staff, in a sheet."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable

import pytest
from django.test import Client

from tests.support.api.client import PASSWORD, Api, sign_in
from tests.support.back_office.sheets import USERS, faults, upload
from tests.support.back_office.staff import change, errors
from tests.support.sign_in.failed_attempts import at_the_api
from tests.support.sign_in.login import OWN_PASSWORD, change_password, choose, link_for, log_in, text
from users.models import User

pytestmark = pytest.mark.usefixtures("real_hashing")

GOOD = {
    "small letters only": "quietharbourlanterns",
    "digits only": "582039174620",
    "emoji": "🦊🚲🌧🎻🧭🪁🍋🦉🪵🧲🛶🌵",
    "64 Han characters": "倉庫北港" * 16,
    "128 characters": "River mills at noon " * 6 + "turn red",
    "blanks inside and at the ends": "  two  blanks  here  ",
    "what a program might take for its own": "'; --<b>\\%s{{x}}\"&",
}
TOO_LONG = "River mills at noon " * 6 + "turn red!"
TOO_COMMON = "administrator"
HEADINGS = "email,first_name,last_name,password"

#: Each way to set a person's password, as a page or document that says why not.
WAYS: dict[str, Callable[[Client, User, str], str]] = {
    "own page": lambda office, user, new: text(change_password(_inside(user), new=new, again=new)),
    "link": lambda office, user, new: text(choose(Client(), link_for(user.email), new, new)),
    "staff": lambda office, user, new: str(errors(change(office, user, password1=new, password2=new))),
    "sheet": lambda office, user, new: str(
        faults(upload(office, USERS, f"{HEADINGS}\n{user.email},Olive,Office,{new}"))
    ),
}


def _inside(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_password_is_hashed_as_owasp_advises(olive: User) -> None:
    """Argon2id with 19 MiB of memory, two passes and one lane (OWASP Password Storage Cheat Sheet)."""
    change_password(_inside(olive), new=GOOD["emoji"], again=GOOD["emoji"])
    olive.refresh_from_db()
    assert olive.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("password", GOOD.values(), ids=GOOD.keys())
def test_any_characters_of_any_alphabet_are_a_password(olive: User, password: str) -> None:
    """Nothing is demanded of it but 12 to 128 characters (OWASP ASVS 2.1.2 to 2.1.4 and 2.1.9)."""
    change_password(_inside(olive), new=password, again=password)
    assert sign_in(olive.email, password)["token_type"] == "Bearer"
    assert log_in(olive.email, password).status_code == 302


@pytest.mark.parametrize("password", GOOD.values(), ids=GOOD.keys())
def test_every_character_counts(olive: User, password: str) -> None:
    change_password(_inside(olive), new=password, again=password)
    for other in {password[:-1], f"{password} ", password.strip(), password.swapcase()} - {password}:
        assert at_the_api(olive.email, other).status_code == 400
        assert log_in(olive.email, other).status_code == 200


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short-7!", "at least 12 characters"),
        ("blank" + " " * 20 + "full", "at least 12 characters"),
        (TOO_LONG, "at most 128 characters"),
        (TOO_COMMON, "too common"),
        ("olive.office.example", "too similar"),
    ],
    ids=["too short", "short but for blanks", "too long", "too common", "too similar"],
)
def test_it_is_refused_wherever_it_is_set(
    as_ada: Client, olive: User, way: Callable[[Client, User, str], str], password: str, words: str
) -> None:
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=False)
    assert words in way(as_ada, olive, password)
    assert User.objects.get(pk=olive.pk).check_password(PASSWORD)


def test_no_two_people_have_the_same_salt(make_user: Callable[..., User]) -> None:
    """Of 128 bits or more, so that equal passwords do not look equal (OWASP ASVS 2.4.2)."""
    salts = set()
    for name in ("ann.ames", "bob.bell", "cal.cole"):
        user = make_user(f"{name}@example.test")
        user.set_password(PASSWORD)
        salts.add(user.password.split("$")[4])
    assert len(salts) == 3
    assert min(len(b64decode(salt + "==")) for salt in salts) >= 16


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/login/", {"password": "current-password"}),
        (OWN_PASSWORD, {"old_password": "current-password", "new_password1": "new-password"}),
        ("/admin/users/user/add/", {"password1": "new-password", "password2": "new-password"}),
    ],
    ids=["login", "own page", "staff"],
)
def test_password_managers_may_fill_it_in(as_ada: Client, path: str, fields: dict[str, str]) -> None:
    """Each field says what it is for, and nothing cuts or refuses what is pasted (OWASP ASVS 2.1.11)."""
    page = (Client() if "login" in path else as_ada).get(path).content.decode()
    for name, purpose in fields.items():
        (field,) = re.findall(rf'<input type="password" name="{name}"[^>]*>', page)
        assert f'autocomplete="{purpose}"' in field
        assert "maxlength" not in field
    assert "onpaste" not in page


def test_nobodys_password_runs_out(olive: User) -> None:
    """Nor is an earlier one remembered: both lead to worse passwords (OWASP ASVS 2.1.10)."""
    User.objects.filter(pk=olive.pk).update(password_changed_at="2001-01-01T00:00:00Z")
    assert Api(sign_in(olive.email)["access_token"]).get("/users").status_code == 200
    assert "updated successfully" in text(change_password(_inside(olive), new=PASSWORD, again=PASSWORD))
