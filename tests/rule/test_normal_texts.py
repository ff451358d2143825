"""Names and addresses have one form, whoever writes them, and are found in every spelling (design decision 14)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client, RequestFactory

from config.text import email_key, normal_email, normal_name, normal_password
from tests.support.api.client import PASSWORD, sign_in
from tests.support.cases import each
from tests.support.oauth.code_flow import app as app
from tests.support.oauth.code_flow import code_for
from tests.support.oauth.refreshing import token
from tests.support.sign_in.login import is_in, log_in
from users.models import User
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db

DECOMPOSED = "Mu\u0308ller"
NAMES = {
    DECOMPOSED: "Müller",
    "  River\t Annex \n": "River Annex",
    "River\u00a0Annex": "River Annex",
    "Ri\u200bver\ufeff\u00ad\u202e Annex\u200f": "River Annex",
    "Ideographic\u3000space": "Ideographic space",
    "a\x00b": "ab",
    "Re\u200b\u0301my": "R\u00e9my",
    "Ωmega": "Ωmega",
    "\u200b \u2060": "",
}
ADDRESSES = {
    " pat.picker@example.test\t": "pat.picker@example.test",
    "Pat@Example.TEST": "Pat@example.test",
    "pat\u200b@example.test": "pat@example.test",
    "pat@stra\u00dfe.example": "pat@straße.example",
    "pat@STRA\u1e9eE.example": "pat@straße.example",
    "pat@xn--strae-oqa.example": "pat@straße.example",
    "pat@STRASSE.example": "pat@strasse.example",
    "pat@mu\u0308ller.example": "pat@müller.example",
    "no address": "no address",
}


@each(("typed", "stored"), NAMES.items())
def test_a_name_is_composed_visible_and_has_single_blanks(typed: str, stored: str) -> None:
    assert normal_name(typed) == normal_name(stored) == stored


@each(("typed", "stored"), ADDRESSES.items())
def test_an_address_has_a_domain_in_one_spelling(typed: str, stored: str) -> None:
    assert normal_email(typed) == normal_email(stored) == stored


def test_whoever_saves_saves_the_normal_form(pat: User) -> None:
    made = User.objects.create_user(
        " Zoë@Example.TEST".replace("ë", "e"), None, first_name="Zoe\u0308 ", last_name="A\u00a0 B"
    )
    assert (made.email, made.first_name, made.last_name) == ("Zoe@example.test", "Zoë", "A B")
    Warehouse.objects.bulk_create([Warehouse(name=" North\u00a0 Quay")])
    User.objects.filter(pk=pat.pk).update(last_name=DECOMPOSED)
    pat.refresh_from_db()
    assert (Warehouse.objects.get(name="North Quay").name, pat.last_name) == ("North Quay", "Müller")
    assert Warehouse.objects.filter(name="North\u200b  Quay").exists()


@each("email", ["\u0130tom@example.test", "\u0131tom@example.test", "to\u017fi@example.test"])
def test_an_address_whose_case_python_and_postgresql_see_differently_is_refused(email: str) -> None:
    with pytest.raises(ValidationError) as refused:
        User(email=email, first_name="I", last_name="Tom").full_clean(exclude=["password"])
    assert (
        "Before the @, an e-mail address can have letters without accents only." in refused.value.message_dict["email"]
    )


def test_python_and_postgresql_have_the_same_key_of_every_address() -> None:
    letters = [chr(code) for code in range(33, 0x30000) if unicodedata.category(chr(code)) in ("Lu", "Ll", "Lt", "Lm")]
    stored = sorted({normal_email(f"A@{letter}.example") for letter in letters})
    with connection.cursor() as cursor:
        cursor.execute("SELECT one, lower(one) FROM unnest(%s::text[]) AS one", [stored])
        keys = dict(cursor.fetchall())
    assert {one: (key, email_key(one)) for one, key in keys.items() if key != email_key(one)} == {}


# --- Two warehouses of one name -------------------------------------------------------------------------------------
@each("name", ["North  Dock", "North\u00a0Dock", "North\u200b Dock", " North Dock", "North Dock\n", "Nørth Do\u0301ck"])
def test_postgresql_takes_names_of_warehouses_in_the_normal_form_only(north: Warehouse, name: str) -> None:
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="warehouse_name_"), transaction.atomic():
        cursor.execute("INSERT INTO warehouses_warehouse (name) VALUES (%s)", [name])


@pytest.mark.thorough
def test_postgresql_and_python_mean_the_same_by_the_normal_form() -> None:
    """Of each character that both know."""
    codes = [code for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    ours = [code for code in codes if normal_name(text := f"a{chr(code)}b") != text]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'warehouse_name_normal'")
        (definition,) = cursor.fetchone() or ("",)
        refused = f"NOT ({definition.removeprefix('CHECK ')})"
        names = "(SELECT code, 'a' || chr(code) || 'b' AS name FROM unnest(%s::int[]) AS code) AS names"
        cursor.execute(
            f"SELECT code FROM {names} WHERE {refused} ORDER BY code".replace("%", "%%").replace("%%s", "%s"), [codes]
        )
        theirs = [code for (code,) in cursor.fetchall()]
    assert theirs == ours
    assert len(ours) > 1_000


# --- Where people are looked up -------------------------------------------------------------------------------------
SPELLINGS = [" pat.picker@example.test ", "\tPAT.picker@EXAMPLE.test", "pat.picker\u200b@example.test\ufeff"]


@each("spelling", SPELLINGS)
def test_an_app_signs_a_person_in_under_every_spelling(app: str, pat: User, spelling: str) -> None:
    assert sign_in(spelling)
    assert code_for(spelling)


@each(
    "spelling", [one.replace("pat.picker", "olive.office").replace("PAT.picker", "OLIVE.office") for one in SPELLINGS]
)
def test_the_back_office_lets_a_person_in_under_every_spelling(olive: User, spelling: str) -> None:
    assert log_in(spelling, client=(browser := Client())).status_code == 302
    assert is_in(browser)


def test_wrong_passwords_under_many_spellings_count_as_of_one_account(pat: User) -> None:
    """Otherwise each spelling would be nine further guesses."""
    for number in range(9):
        token(
            grant_type="password", username=f"{' ' * number}pat.picker{chr(0x200B) * number}@example.test", password="x"
        )
    assert token(grant_type="password", username=pat.email, password=PASSWORD).status_code == 429


# --- Passwords --------------------------------------------------------------------------------------------------
COMPOSED, TYPED_ON_A_MAC = "correct-Hörse-7!x", "correct-Ho\u0308rse-7!x"


def test_a_password_is_the_same_composed_and_decomposed(make_user: Callable[..., User]) -> None:
    user = make_user("any.body@example.test")
    for stored in (COMPOSED, TYPED_ON_A_MAC):
        user.set_password(stored)
        assert [user.check_password(typed) for typed in (COMPOSED, TYPED_ON_A_MAC, "correct-Horse-7!x")] == [
            True,
            True,
            False,
        ]
    assert normal_password("a\u3000b\u00a0c  d") == "a b c  d"


def test_a_hash_of_the_former_release_is_good_for_what_was_typed_then(pat: User) -> None:
    pat.password = "argon2" + PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(TYPED_ON_A_MAC)
    assert [pat.check_password(typed) for typed in (TYPED_ON_A_MAC, "correct-Horse-7!x")] == [True, False]


def test_an_unknown_account_costs_as_many_hashes_as_a_wrong_password(
    pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def counted(real: Any) -> Any:
        def count(hasher: Any, password: str, other: str) -> Any:
            hashed.append(password)
            return real(hasher, password, other)

        return count

    for name in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, name, counted(getattr(Argon2PasswordHasher, name)))
    for password in ("wrong-Horse-7!x", "wrong-Ho\u0308rse-7!x"):
        numbers = set()
        for username in (pat.email, "nobody@example.test"):
            hashed.clear()
            assert authenticate(RequestFactory().post("/token"), username=username, password=password) is None
            numbers.add(len(hashed))
        assert len(numbers) == 1
