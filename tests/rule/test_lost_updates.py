"""No save undoes what somebody else has done since its rows were read: a block, a lost right, a new password.

One test names each way to write a row that others write, and lets a rival commit between its reading and its writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.test import Client as Browser
from django.test import override_settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.database.lost_updates import RowChangedError
from tests.conftest import make_client
from tests.support import hashing
from tests.support.api.client import FORM, PASSWORD
from tests.support.back_office.concurrent_changes import while_hashing, while_waiting
from tests.support.back_office.sheets import USERS, apply, upload
from tests.support.back_office.staff import LIST, NEW_PASSWORD, change, errors, member, signed_in, told
from tests.support.sign_in.login import change_password, choose, is_in, link_for, log_in, text
from tests.support.sign_in.two_factor import PAGE, app_of, calm, code_of, digests_of, enrol
from users.account_actions import DEACTIVATE, END_SESSIONS
from users.models import User
from users.models.oauth.client import Client
from users.sign_in import two_factor
from users.sign_in.hashers import OwaspArgon2Hasher
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db(transaction=True)

CHANGED = "Somebody has changed your account meanwhile, so nothing was saved."
LOST = "Your account or your rights were changed at this moment. Nothing was saved. Please look again."
REFUSED = "This was changed meanwhile, so nothing was saved."
COLLEAGUES_PASSWORD = "colleague-Horse-9!"
Rival = Callable[[User], Any]


# --- What a colleague does at the same time ---------------------------------------------------------------------
def block(person: User) -> None:
    DEACTIVATE.apply([person.pk], colleague())


def end_sessions(person: User) -> None:
    END_SESSIONS.apply([person.pk], colleague())


def set_password(person: User) -> None:
    found = User.objects.get(pk=person.pk)
    found.set_password(COLLEAGUES_PASSWORD)
    found.save()


def take_rights(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_superuser=False)


def make_warehouse_user(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_warehouse_user=True)


def give_role(person: User) -> None:
    member(User.objects.get(pk=person.pk), "Auditor")


RIVALS: list[Rival] = [block, end_sessions, set_password, take_rights, make_warehouse_user, give_role]
#: After these the person's sessions are over; after the others they go on.
SIGNING_OUT: list[Rival] = [block, end_sessions, set_password, make_warehouse_user]
by_those_who_sign_out = pytest.mark.parametrize("rival", SIGNING_OUT, ids=lambda rival: rival.__name__)
by_one_of_a_kind = pytest.mark.parametrize("rival", [block, set_password, give_role], ids=lambda rival: rival.__name__)
by_each_rival = pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.__name__)


def colleague() -> User:
    return User.objects.get(email="ada.admin@example.test")


def row(person: User) -> dict[str, Any]:
    """Everything about a person but when anything was written."""
    (found,) = User.objects.filter(pk=person.pk).values()
    return {name: value for name, value in found.items() if name not in {"updated_at", "last_login"}}


class Then:
    """A rival that remembers how it has left the person."""

    def __init__(self, rival: Rival, person: User) -> None:
        self.rival, self.person = rival, person
        self.left: dict[str, Any] = {}

    def __call__(self) -> None:
        self.rival(self.person)
        self.left = row(self.person)


@pytest.fixture
def olive(olive: User) -> User:
    """With all rights, so that there are some to be taken."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    return User.objects.get(pk=olive.pk)


@pytest.fixture
def inside(ada: User, olive: User) -> Browser:
    return signed_in(olive)


def token(email: str, password: str) -> int:
    form = {"grant_type": "password", "username": email, "password": password}
    return Browser().post("/token", urlencode(form), content_type=FORM).status_code


# --- The own password -------------------------------------------------------------------------------------------
@by_each_rival
def test_the_own_password_is_refused_and_a_colleagues_change_stays(inside: Browser, olive: User, rival: Rival) -> None:
    then = Then(rival, olive)

    page = while_hashing(lambda: change_password(inside), then)

    assert (LOST if rival in (block, take_rights, make_warehouse_user) else CHANGED) in text(page)
    assert row(olive) == then.left
    assert not check_password(NEW_PASSWORD, then.left["password"])
    assert is_in(inside) is (rival not in SIGNING_OUT)


def test_who_is_blocked_while_changing_the_own_password_ends_at_the_sign_in(inside: Browser, olive: User) -> None:
    page = while_hashing(lambda: change_password(inside), lambda: block(olive))

    assert page.redirect_chain == [("/admin/", 302), ("/admin/login/?next=/admin/", 302)]
    assert LOST in text(page)
    assert token(olive.email, NEW_PASSWORD) == token(olive.email, PASSWORD) == 400


# --- The link of a forgotten password ---------------------------------------------------------------------------
@by_one_of_a_kind
def test_a_link_to_a_new_password_is_refused_and_a_colleagues_change_stays(
    ada: User, olive: User, rival: Rival
) -> None:
    path, then = link_for(olive.email), Then(rival, olive)

    page = while_hashing(lambda: choose(Browser(), path), then)

    assert CHANGED in text(page)
    assert row(olive) == then.left
    assert not check_password(NEW_PASSWORD, then.left["password"])


def test_a_link_revives_no_blocked_warehouse_user(ada: User, pat: User) -> None:
    assert token(pat.email, PASSWORD) == 200
    path = link_for(pat.email)

    while_hashing(lambda: choose(Browser(), path), lambda: block(pat))

    assert User.objects.get(pk=pat.pk).status == "blocked"
    assert token(pat.email, NEW_PASSWORD) == token(pat.email, PASSWORD) == 400


# --- A person's page --------------------------------------------------------------------------------------------
@by_one_of_a_kind
def test_a_colleague_who_sets_a_password_is_refused_once_the_person_is_another(
    as_ada: Browser, olive: User, rival: Rival
) -> None:
    then = Then(rival, olive)

    page = while_hashing(
        lambda: change(as_ada, olive, groups=None, password1=NEW_PASSWORD, password2=NEW_PASSWORD), then
    )

    assert REFUSED in errors(page)["__all__"][0]
    assert errors(page)["password1"] == ["Enter the password again."]
    assert row(olive) == then.left


@by_each_rival
def test_a_colleague_who_saves_a_persons_page_brings_nothing_back(
    as_ada: Browser, inside: Browser, olive: User, rival: Rival
) -> None:
    then = Then(rival, olive)

    page = while_waiting(lambda: change(as_ada, olive, first_name="Olivia", groups=None), then)

    assert REFUSED in errors(page)["__all__"][0]
    assert row(olive) == then.left
    assert is_in(inside) is (rival not in SIGNING_OUT)


def test_a_change_that_decides_nothing_is_kept_beside_a_colleagues(as_ada: Browser, olive: User) -> None:
    rename = User.objects.filter(pk=olive.pk)

    page = while_waiting(lambda: change(as_ada, olive, first_name="Olivia"), lambda: rename.update(last_name="Oak"))

    assert told(page) == ["User was updated successfully."]
    assert User.objects.get(pk=olive.pk).get_full_name() == "Olivia Oak"


def test_whoever_saves_their_own_page_does_not_revive_the_session_that_was_ended(inside: Browser, olive: User) -> None:
    page = while_waiting(lambda: change(inside, olive, first_name="Olivia"), lambda: end_sessions(olive))

    assert REFUSED in errors(page)["__all__"][0]
    assert User.objects.get(pk=olive.pk).first_name == "Olive"
    assert not is_in(inside)


# --- Signing in -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sign_in", ["page", "token"])
def test_a_renewed_digest_does_not_bring_an_old_password_back(ada: User, olive: User, sign_in: str) -> None:
    with override_settings(PASSWORD_HASHERS=hashing.REAL):  # other parameters than those of the tests
        olive.set_password(PASSWORD)
        olive.save()
    then, browser = Then(_set_password_of_digest(NEW_PASSWORD), olive), Browser()

    if sign_in == "page":
        while_hashing(lambda: log_in(olive.email, client=browser), then)
        assert not is_in(browser)
    else:
        assert while_hashing(lambda: token(olive.email, PASSWORD), then) == 400

    assert row(olive) == then.left
    assert User.objects.get(pk=olive.pk).check_password(NEW_PASSWORD)


def _set_password_of_digest(password: str) -> Rival:
    """Hashed beforehand: the rival is to come while somebody else hashes."""
    made = User()
    made.set_password(password)

    def change(person: User) -> None:
        found = User.objects.get(pk=person.pk)
        found.password = made.password
        found.save()

    return change


@pytest.mark.usefixtures("real_hashing")
def test_a_digest_of_old_parameters_is_renewed_and_ends_nothing(olive: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as years_ago:
        years_ago.setattr(OwaspArgon2Hasher, "time_cost", 1)
        olive.set_password(PASSWORD)
        olive.save()
    signed_out_at, browser = olive.signed_out_at, Browser()

    assert log_in(olive.email, client=browser).status_code == 302

    assert is_in(browser)
    olive.refresh_from_db()
    assert f"t={OwaspArgon2Hasher.time_cost}," in olive.password
    assert olive.signed_out_at == signed_out_at


@by_those_who_sign_out
def test_signing_in_writes_when_it_was_and_nothing_else(ada: User, olive: User, rival: Rival) -> None:
    then, browser = Then(rival, olive), Browser()

    while_waiting(lambda: log_in(olive.email, client=browser), then)

    assert row(olive) == then.left
    assert not is_in(browser)


# --- The second factor ------------------------------------------------------------------------------------------
@by_one_of_a_kind
def test_switching_two_factor_on_is_refused_and_revives_no_session(inside: Browser, olive: User, rival: Rival) -> None:
    then = Then(rival, olive)

    page = while_waiting(lambda: enrol(inside), then)

    assert CHANGED in text(page)
    assert not two_factor.is_on(olive)
    assert row(olive) == then.left
    assert is_in(inside) is (rival not in SIGNING_OUT)


@pytest.fixture
def enrolled(inside: Browser, olive: User) -> Browser:
    enrol(inside)
    calm(olive)
    return inside


@by_one_of_a_kind
@pytest.mark.parametrize("deed", ["new_codes", "switch_off"])
def test_what_is_done_to_two_factor_by_who_was_signed_out_or_changed_is_refused(
    enrolled: Browser, olive: User, rival: Rival, deed: str
) -> None:
    then, codes = Then(rival, olive), digests_of(olive)

    page = while_waiting(lambda: enrolled.post(PAGE, {"code": code_of(app_of(olive)), deed: "1"}, follow=True), then)

    assert CHANGED in text(page)
    assert (two_factor.is_on(olive), digests_of(olive)) == (True, codes)
    assert row(olive) == then.left
    assert is_in(enrolled) is (rival not in SIGNING_OUT)


@pytest.mark.parametrize("button", ["reset-two-factor", "unlock-sign-in"])
def test_a_button_is_refused_for_who_may_do_more_by_now(
    ada: User, make_user: Callable[..., User], pat: User, button: str
) -> None:
    helper = signed_in(member(make_user("hal.helper@example.test"), "Administrator"))
    TOTPDevice.objects.create(user=pat, name="authenticator", confirmed=True)
    promote = User.objects.filter(pk=pat.pk)

    answer = while_waiting(lambda: helper.post(f"{LIST}{pat.pk}/{button}/"), lambda: promote.update(is_superuser=True))

    assert answer.status_code == 403
    assert two_factor.is_on(pat)
    assert User.objects.get(pk=pat.pk).signed_out_at is None


# --- Clients and warehouses -------------------------------------------------------------------------------------
@pytest.fixture
def printer(transactional_db: None) -> Client:
    client = make_client(client_id="label-printer", name="Label printer", is_confidential=True)
    client.make_secret()
    client.save()
    return client


def _rename_client(browser: Browser, client: Client) -> Any:
    sent = {"name": "Printer", "redirect_uris": "\n".join(client.redirect_uris)}
    sent["allowed_origins"] = "\n".join(client.allowed_origins)
    return browser.post(f"/admin/users/client/{client.pk}/change/", sent)


def test_a_client_that_is_renamed_keeps_a_concurrently_made_secret(as_ada: Browser, printer: Client) -> None:
    found = Client.objects.get(pk=printer.pk)
    found.make_secret()

    answer = while_waiting(lambda: _rename_client(as_ada, printer), found.save)

    assert answer.status_code == 302
    printer.refresh_from_db()
    assert (printer.name, printer.secret_digest) == ("Printer", found.secret_digest)


def test_a_new_secret_keeps_a_concurrent_change_of_the_client(as_ada: Browser, printer: Client) -> None:
    rename, before = Client.objects.filter(pk=printer.pk), printer.secret_digest

    answer = while_waiting(
        lambda: as_ada.post(f"/admin/users/client/{printer.pk}/secret/"),
        lambda: rename.update(name="Printer", redirect_uris=[]),
    )

    assert answer.status_code == 200
    printer.refresh_from_db()
    assert (printer.name, printer.redirect_uris) == ("Printer", [])
    assert printer.secret_digest != before


def test_a_warehouse_that_is_renamed_stays_switched_off(as_ada: Browser, north: Warehouse) -> None:
    form = {"name": "North Pier", "is_active": "True", "note": ""}
    off = Warehouse.objects.filter(pk=north.pk)

    while_waiting(
        lambda: as_ada.post(f"/admin/warehouses/warehouse/{north.pk}/change/", form),
        lambda: off.update(is_active=False, note="closed"),
    )

    north.refresh_from_db()
    assert (north.name, north.is_active, north.note) == ("North Pier", False, "closed")


# --- Sheets and commands ----------------------------------------------------------------------------------------
def test_an_import_of_a_new_password_revives_no_blocked_person(as_ada: Browser, pat: User) -> None:
    sheet = f"email,first_name,last_name,password\n{pat.email},Patricia,Picker,{NEW_PASSWORD}"
    job = upload(as_ada, USERS, sheet)

    while_hashing(lambda: apply(as_ada, USERS, job), lambda: block(pat))

    assert User.objects.get(pk=pat.pk).status == "blocked"
    assert token(pat.email, NEW_PASSWORD) == 400


def test_an_operator_who_types_a_password_revives_no_blocked_person(
    ada: User, olive: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = Then(block, olive)
    while_typing: Iterator[Callable[[], None]] = iter([then, lambda: None])

    def typed(prompt: str) -> str:
        next(while_typing)()
        return NEW_PASSWORD

    monkeypatch.setattr("getpass.getpass", typed)
    with pytest.raises(RowChangedError):
        call_command("changepassword", olive.email, stdout=StringIO())
    assert row(olive) == then.left
