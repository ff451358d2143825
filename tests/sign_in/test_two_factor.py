"""The second factor: switching it on and off, signing in with it, recovery codes, and demanding it of everyone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from django.contrib.auth.models import Group
from django.test import Client
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.api.client import PASSWORD
from tests.support.sign_in.login import LOGIN, NEW_PASSWORD, choose, is_in, link_for, log_in, text
from tests.support.sign_in.two_factor import (
    NOT_RIGHT,
    PAGE,
    SECOND_STEP,
    app_of,
    calm,
    code_of,
    digests_of,
    enrol,
    wrong_code_of,
)
from users import roles
from users.models import Authenticator, User
from users.models.totp_device import recovery_digest
from users.sign_in import two_factor


@pytest.fixture
def inside(olive: User) -> Client:
    client = Client()
    client.force_login(olive)
    return client


@pytest.fixture
def recovery_codes(inside: Client, olive: User) -> list[str]:
    """Olive's, who has switched it on."""
    page = enrol(inside)
    calm(olive)
    return page.context["codes"]


# --- Switching it on --------------------------------------------------------------------------------------------
def test_the_page_shows_the_key_as_a_picture_and_as_text(inside: Client) -> None:
    page = inside.get(PAGE).content.decode()
    (picture,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert not re.search(r"<script|<style|style=", picture)
    (key,) = re.findall(r'id="two-factor-key"[^>]*>([A-Z2-7 ]+)<', page)
    assert len(key.replace(" ", "")) == 32


def test_a_code_from_the_app_switches_it_on_and_shows_recovery_codes_once(inside: Client, olive: User) -> None:
    page = enrol(inside)
    assert "Two-factor sign-in is switched on." in text(page)
    assert len(page.context["codes"]) == 10
    assert all(code in text(page) for code in page.context["codes"])
    again = inside.get(PAGE)
    assert not any(code in text(again) for code in page.context["codes"])
    assert is_in(inside)


def test_a_wrong_code_switches_nothing_on(inside: Client, olive: User) -> None:
    inside.get(PAGE)
    wrong = wrong_code_of(TOTPDevice(key=inside.session["two_factor_key"]))
    for code in (wrong, "abcdef", "١٢٣٤٥٦", "1" * 21, ""):
        assert inside.post(PAGE, {"code": code}).status_code == 200
    assert not two_factor.is_on(olive)


def test_switching_it_on_ends_back_office_sessions_elsewhere(inside: Client, olive: User) -> None:
    elsewhere = Client()
    log_in(olive.email, client=elsewhere)
    enrol(inside)
    assert (is_in(inside), is_in(elsewhere)) == (True, False)


def test_nobody_else_has_such_a_page(pat: User) -> None:
    client = Client()
    assert client.get(PAGE)["Location"] == f"{LOGIN}?next={PAGE}"
    client.force_login(pat)
    assert client.get(PAGE)["Location"] == f"{LOGIN}?next={PAGE}"


# --- Signing in with it -----------------------------------------------------------------------------------------
def test_the_password_alone_no_longer_signs_in(recovery_codes: list[str], olive: User) -> None:
    client = Client()
    answer = log_in(olive.email, client=client)
    assert (answer.status_code, answer["Location"]) == (302, SECOND_STEP)
    assert not is_in(client)


def test_password_and_code_open_it(recovery_codes: list[str], olive: User) -> None:
    client = Client()
    client.post(f"{LOGIN}?next=/admin/password_change/", {"username": olive.email, "password": PASSWORD})
    code = code_of(app_of(olive))
    answer = client.post(SECOND_STEP, {"code": f"{code[:3]} {code[3:]}"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/")
    assert is_in(client)


def test_a_code_opens_it_only_once(recovery_codes: list[str], olive: User) -> None:
    code = code_of(app_of(olive))
    for opens in (True, False):
        client = Client()
        log_in(olive.email, client=client)
        client.post(SECOND_STEP, {"code": code})
        assert is_in(client) is opens


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_opens_it_for_a_minute_and_a_half_at_most(
    recovery_codes: list[str], olive: User, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Its own thirty seconds and those beside them, as clocks differ (RFC 6238 section 5.2)."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)  # else the next thirty seconds could begin in between
    client = Client()
    log_in(olive.email, client=client)
    client.post(SECOND_STEP, {"code": code_of(app_of(olive), later=steps)})
    assert not is_in(client)
    calm(olive)
    client.post(SECOND_STEP, {"code": code_of(app_of(olive), later=steps // 2)})
    assert is_in(client)


def test_a_new_password_by_e_mail_takes_no_second_factor_away(recovery_codes: list[str], olive: User) -> None:
    """Whoever reads the person's e-mail has one of two (OWASP ASVS 2.5.6)."""
    client = Client()
    choose(client, link_for(olive.email))
    assert log_in(olive.email, NEW_PASSWORD, client)["Location"] == SECOND_STEP
    assert not is_in(client)


def test_each_recovery_code_opens_it_once(recovery_codes: list[str], olive: User) -> None:
    for opens in (True, False):
        client = Client()
        log_in(olive.email, client=client)
        client.post(SECOND_STEP, {"code": recovery_codes[0].upper()})
        assert is_in(client) is opens
    assert StaticToken.objects.filter(device__user=olive).count() == 9


def test_wrong_codes_count_as_failures(recovery_codes: list[str], olive: User) -> None:
    client = Client()
    log_in(olive.email, client=client)
    for _ in range(9):
        calm(olive)
        assert NOT_RIGHT in text(client.post(SECOND_STEP, {"code": wrong_code_of(app_of(olive))}))
    calm(olive)
    answer = client.post(SECOND_STEP, {"code": code_of(app_of(olive))})
    assert (answer.status_code, int(answer["Retry-After"]) > 350) == (429, True)
    assert log_in(olive.email).status_code == 429
    assert not is_in(client)


def test_codes_cannot_be_guessed_fast_from_many_addresses(recovery_codes: list[str], olive: User) -> None:
    client = Client()
    log_in(olive.email, client=client)
    client.post(SECOND_STEP, {"code": wrong_code_of(app_of(olive))}, REMOTE_ADDR="192.0.2.1")
    page = client.post(SECOND_STEP, {"code": code_of(app_of(olive))}, REMOTE_ADDR="192.0.2.2")
    assert NOT_RIGHT in text(page)


@pytest.mark.parametrize(
    "event",
    [
        lambda olive: User.objects.filter(pk=olive.pk).update(status="blocked"),
        lambda olive: User.objects.filter(pk=olive.pk).update(is_warehouse_user=True),
        lambda olive: olive.end_sessions("lost laptop"),
    ],
    ids=["blocked", "made a warehouse user", "signed out everywhere"],
)
def test_a_right_password_is_worth_nothing_once_things_have_changed(
    recovery_codes: list[str], olive: User, event: Callable[[User], Any]
) -> None:
    client = Client()
    log_in(olive.email, client=client)
    event(olive)
    answer = client.post(SECOND_STEP, {"code": code_of(app_of(olive))})
    assert (answer.status_code, answer["Location"]) == (302, LOGIN)
    assert not is_in(client)


def test_the_second_step_does_not_wait_for_ever(recovery_codes: list[str], olive: User, monkeypatch: Any) -> None:
    client = Client()
    log_in(olive.email, client=client)
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get(SECOND_STEP)["Location"] == LOGIN


def test_without_a_password_there_is_no_second_step(olive: User) -> None:
    assert Client().get(SECOND_STEP)["Location"] == LOGIN


# --- Recovery codes, switching it off ---------------------------------------------------------------------------
def test_new_recovery_codes_replace_the_old_ones(inside: Client, recovery_codes: list[str], olive: User) -> None:
    page = inside.post(PAGE, {"code": code_of(app_of(olive)), "new_codes": "1"}, follow=True)
    kept = digests_of(olive)
    assert kept == {recovery_digest(olive.uuid, code) for code in page.context["codes"]}
    assert not kept & {recovery_digest(olive.uuid, code) for code in recovery_codes}


@pytest.mark.usefixtures("real_hashing")
def test_a_recovery_code_is_stored_as_a_slow_digest() -> None:
    """Of the same parameters in every release: else no stored code would be accepted any more."""
    assert recovery_digest(UUID(int=1), "abcdefgh") == "y_Nrb57-7Q-zRB4l"


def test_a_code_switches_it_off(inside: Client, recovery_codes: list[str], olive: User) -> None:
    inside.post(PAGE, {"code": code_of(app_of(olive)), "switch_off": "1"})
    assert not two_factor.is_on(olive)
    assert is_in(inside)
    assert log_in(olive.email)["Location"] == "/admin/"


def test_a_wrong_code_changes_nothing(inside: Client, recovery_codes: list[str], olive: User) -> None:
    for button in ("switch_off", "new_codes"):
        calm(olive)
        assert NOT_RIGHT in text(inside.post(PAGE, {"code": wrong_code_of(app_of(olive)), button: "1"}))
    assert two_factor.is_on(olive)
    assert digests_of(olive) == {recovery_digest(olive.uuid, code) for code in recovery_codes}


@pytest.fixture
def administrator(make_user: Callable[..., User]) -> Client:
    person = make_user("ada.admin@example.test")
    person.groups.add(Group.objects.get(name=roles.ADMINISTRATOR))
    client = Client()
    client.force_login(person)
    return client


def test_an_administrator_helps_who_has_lost_the_phone(
    administrator: Client, recovery_codes: list[str], olive: User
) -> None:
    page = administrator.get(f"/admin/users/user/{olive.pk}/view/")
    assert "Reset two-factor sign-in" in text(page)
    for words in ("Two-factor sign-in is reset", "There was nothing to reset"):
        page = administrator.post(f"/admin/users/user/{olive.pk}/reset-two-factor/", follow=True)
        assert words in text(page)
        assert "Reset two-factor sign-in" not in text(page)
    assert log_in(olive.email)["Location"] == "/admin/"


def test_a_browser_on_the_lost_phone_is_signed_out(
    administrator: Client, recovery_codes: list[str], inside: Client, olive: User
) -> None:
    """A factor that is taken back is taken back for what it has opened, too (OWASP ASVS 2.8.6)."""
    assert is_in(inside)
    administrator.post(f"/admin/users/user/{olive.pk}/reset-two-factor/")
    assert not is_in(inside)


def test_nobody_resets_it_for_people_with_more_rights(
    administrator: Client, recovery_codes: list[str], olive: User
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    assert administrator.post(f"/admin/users/user/{olive.pk}/reset-two-factor/").status_code == 403
    assert two_factor.is_on(olive)


# --- Demanding it of everyone -----------------------------------------------------------------------------------
def test_a_person_without_it_gets_nowhere_but_to_the_enrolment_page(inside: Client, settings: Any) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    for path in ("/admin/", "/admin/users/user/", "/admin/password_change/", "/admin/history/"):
        answer = inside.get(path, follow=True)
        assert answer.redirect_chain[-1] == (PAGE, 302), path
    enrol(inside)
    assert is_in(inside)


def test_switching_it_off_while_it_is_demanded_leads_back_to_enrolment(
    inside: Client, recovery_codes: list[str], olive: User, settings: Any
) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    page = inside.post(PAGE, {"code": code_of(app_of(olive)), "switch_off": "1"}, follow=True)
    assert "Scan this picture" in text(page)
    assert not is_in(inside)


def test_a_session_without_the_code_does_not_get_past_the_demand(olive: User, settings: Any) -> None:
    """Such as one that began before the person switched it on, if that could ever survive."""
    two_factor.switch_on(olive, "0" * 40, code_of(TOTPDevice(key="0" * 40)))
    client = Client()
    client.force_login(User.objects.get(pk=olive.pk))
    settings.REQUIRE_TWO_FACTOR = True
    assert not is_in(client)


def test_the_secrets_have_no_page(inside: Client, olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    for path in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert inside.get(f"/admin/{path}/").status_code == 404


# --- What is kept -----------------------------------------------------------------------------------------------
def test_neither_the_key_nor_a_recovery_code_is_kept_in_clear(recovery_codes: list[str], olive: User) -> None:
    device = app_of(olive)
    kept = f"{TOTPDevice.objects.values().get()} {digests_of(olive)}"
    assert device.bin_key.hex() not in kept
    assert not any(code in kept for code in recovery_codes)


def test_a_key_opens_for_its_own_person_only(recovery_codes: list[str], olive: User, ada: User) -> None:
    """Whoever can write to the table cannot give themselves somebody else's app, or the other way round."""
    moved = Authenticator(user=ada, key=app_of(olive).key)
    with pytest.raises(InvalidTag):
        _ = moved.bin_key


def test_after_a_new_secret_key_a_recovery_code_still_signs_in(
    recovery_codes: list[str], olive: User, settings: Any
) -> None:
    settings.SECRET_KEY = "another " * 10
    client = Client()
    log_in(olive.email, client=client)
    assert NOT_RIGHT in text(client.post(SECOND_STEP, {"code": "123456"}))
    calm(olive)
    client.post(SECOND_STEP, {"code": recovery_codes[0]})
    assert is_in(client)


def test_the_secret_key_before_still_opens_what_it_closed(
    recovery_codes: list[str], olive: User, settings: Any
) -> None:
    code = code_of(app_of(olive))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another " * 10
    client = Client()
    log_in(olive.email, client=client)
    client.post(SECOND_STEP, {"code": code})
    assert is_in(client)
