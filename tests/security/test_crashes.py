"""A crash tells nobody a secret: neither its log lines nor its page, not even with DEBUG, whatever was at hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.log import AdminEmailHandler

from tests.conftest import make_client
from tests.support.api.client import PASSWORD, Api
from tests.support.back_office.staff import LIST, NEW_PASSWORD, person, signed_in
from tests.support.leaks import SECRETS, Lines
from tests.support.oauth.code_flow import login_form, send
from tests.support.oauth.held_tokens import Issued, service
from tests.support.sign_in.login import LOGIN, OWN_PASSWORD, choose, link_for
from tests.support.sign_in.two_factor import PAGE
from users.models import User

DEFECT = "as nobody foresaw"
VERIFY = "users.sign_in.hashers.OwaspArgon2Hasher.verify"
#: Makes what a request needs, and returns the request.
Prepared = Callable[[User, Issued], Callable[[], Any]]


def _browser() -> Client:
    return Client(raise_request_exception=False)


def _inside(user: User) -> Client:
    client = signed_in(user)
    client.raise_request_exception = False
    return client


def _password_grant(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(send, "/token", {"grant_type": "password", "username": ada.email, "password": PASSWORD})


def _refresh(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(send, "/token", {"grant_type": "refresh_token", "refresh_token": issued.refresh_token})


def _introspection(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(send, "/introspect", {"token": issued.warehouse_token, **service("packing")})


def _access_token(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(Api(issued.user_token).get, "/users")


def _back_office_sign_in(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(_browser().post, LOGIN, {"username": ada.email, "password": PASSWORD})


def _own_password(ada: User, issued: Issued) -> Callable[[], Any]:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return partial(_inside(ada).post, OWN_PASSWORD, form)


def _password_of_another(ada: User, issued: Issued) -> Callable[[], Any]:
    form = person(issued.pat, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    return partial(_inside(ada).post, f"{LIST}{issued.pat.pk}/change/", form)


def _link_to_a_new_password(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(_browser().get, link_for(ada.email))


def _new_password(ada: User, issued: Issued) -> Callable[[], Any]:
    return partial(choose, _browser(), link_for(ada.email))


def _second_factor(ada: User, issued: Issued) -> Callable[[], Any]:
    client = _inside(ada)
    client.get(PAGE)
    SECRETS.learn("second factor", client.session["two_factor_key"])
    return partial(client.post, PAGE, {"code": "12345678"})


def _new_client_secret(ada: User, issued: Issued) -> Callable[[], Any]:
    printer = make_client(client_id="label-printer", is_confidential=True)
    return partial(_inside(ada).post, f"/admin/users/client/{printer.pk}/secret/")


#: Where it breaks, and what is sent so that a secret goes through there.
BREAKS: dict[str, tuple[str, Prepared]] = {
    "sign-in": (VERIFY, _password_grant),
    "sign-in for a code": (VERIFY, lambda ada, issued: partial(send, "/authorize", login_form(ada))),
    "refresh": ("users.models.oauth.refresh_token.RotatingCredential.rotate", _refresh),
    "introspection": ("users.models.oauth.client.Client.check_client_secret", _introspection),
    "access token": ("users.models.session.SessionManager.live_by_claims", _access_token),
    "Back Office sign-in": (VERIFY, _back_office_sign_in),
    "own password": ("users.models.User.save", _own_password),
    "password of another": ("users.models.User.save", _password_of_another),
    "link to a new password": ("users.sign_in.passwords.NewPasswordView.get_user", _link_to_a_new_password),
    "new password": ("users.models.User.save", _new_password),
    "second factor": ("users.models.totp_device.Authenticator.of_key", _second_factor),
    "new client secret": ("users.models.oauth.client.Client.keep_secret", _new_client_secret),
}  # fmt: skip


def _breaks(*_: Any, **__: Any) -> None:
    raise RuntimeError(DEFECT)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("debug", [False, True], ids=["in production", "with DEBUG"])
@pytest.mark.parametrize("what", BREAKS)
def test_a_crash_while_a_secret_is_in_use_discloses_nothing_of_it(
    ada: User, issued: Issued, no_secret_is_written: Lines, settings: Any, monkeypatch: Any, what: str, debug: bool
) -> None:
    """The lines are searched when the test ends, as those of every test are."""
    place, prepare = BREAKS[what]
    call = prepare(ada, issued)
    settings.DEBUG = debug
    monkeypatch.setattr(place, _breaks)
    answer = call()
    monkeypatch.undo()
    assert answer.status_code == 500
    page = answer.content.decode()
    if debug:
        page = page.replace(answer.request["PATH_INFO"], "")  # whoever reads it there has just asked for it
    assert SECRETS.kinds_in(page) == set()
    assert any(DEFECT in line for line in no_secret_is_written.written)


def test_an_error_page_of_debug_still_says_where_it_broke(ada: User, settings: Any, monkeypatch: Any) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(VERIFY, _breaks)
    page = _browser().post(LOGIN, {"username": ada.email, "password": PASSWORD}).content.decode()
    for words in (DEFECT, "users/sign_in/login.py", "form_valid", "Local vars", "username"):
        assert words in page
    for words in (PASSWORD, ada.email, settings.SECRET_KEY):
        assert words not in page


def test_an_error_page_of_debug_hides_every_cookie_and_setting_that_opens_something(
    ada: User, settings: Any, monkeypatch: Any
) -> None:
    settings.DEBUG, settings.EMAIL_HOST_PASSWORD = True, "Key-to-the-post-9!"
    client = _inside(ada)
    client.get(OWN_PASSWORD)
    monkeypatch.setattr("config.back_office.site.BackOffice.has_permission", _breaks)
    page = client.get("/admin/", headers={"Authorization": "Bearer some-token-or-other"}).content.decode()
    monkeypatch.undo()
    assert DEFECT in page
    for secret in (*(cookie.value for cookie in client.cookies.values()), "Key-to-the-post-9!", "some-token-or-other"):
        assert secret
        assert secret not in page


# --- Words that are not ours ------------------------------------------------------------------------------------
def test_the_link_to_a_new_password_is_in_no_line_of_a_request_that_no_view_was_asked_for(
    ada: User, no_secret_is_written: Lines
) -> None:
    """Django logs the path of a request that it refuses; it has looked nowhere by then."""
    path = link_for(ada.email)
    token = path.split("/")[-2]
    SECRETS.learn("link to a new password", token)
    assert _browser().get(path, headers={"Host": "evil.example.test"}).status_code == 400
    assert _inside(ada).post(path + "more/").status_code == 404
    lines = [line for line in no_secret_is_written.written if "/admin/reset/" in line]
    assert lines
    assert not any(token in line for line in lines)


def test_a_row_that_postgresql_refuses_is_not_in_the_log(ada: User, no_secret_is_written: Lines) -> None:
    """It quotes the whole row, and with it the hash of the password."""
    with pytest.raises(IntegrityError, match="Failing row contains") as refusal, transaction.atomic():
        User.objects.filter(pk=ada.pk).update(status="unheard")
    logging.getLogger("anyone").error("Unhandled", exc_info=refusal.value)
    assert "argon2" in str(refusal.value)
    (line,) = [line for line in no_secret_is_written.written if "user_status_known" in line]
    assert "argon2" not in line
    assert "Failing row contains (…)." in json.loads(line)["exception"]


def test_nobody_is_sent_errors_by_email() -> None:
    """Such mail would quote what was sent, to whoever reads the inbox."""
    named = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    assert [
        logger.name for logger in named for handler in logger.handlers if isinstance(handler, AdminEmailHandler)
    ] == []
