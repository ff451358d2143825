"""A full day of use over a real server, and every secret that was said in it."""

from __future__ import annotations

import re
import subprocess
from base64 import b32decode
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.api.client import PASSWORD
from tests.support.back_office.sheets import PEOPLE_HEADINGS
from tests.support.oauth.code_flow import APP, VERIFIER, login_form, redemption
from tests.support.waiting import MOST_SECONDS, until
from users.models import User

WRONG_PASSWORD = "mistyped-Horse-5!"
OWN_PASSWORD, NEW_PASSWORD = "chosen-Horse-8!", "forgotten-Horse-9!"
SET_PASSWORD, IMPORTED_PASSWORD, FAULTY_PASSWORD = "handed-Horse-4!", "imported-Horse-6!", "Sh0rt-one"
STATE = "a-state-that-nobody-guesses-0123456789"


@dataclass
class Day:
    """`secrets` are those that were said, each under what it is."""

    url: str
    server: subprocess.Popen[str]
    secrets: dict[str, str] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def browser(self) -> httpx.Client:
        """With no cookie yet. It is open until the day ends."""
        return self._open.enter_context(httpx.Client(base_url=self.url, timeout=MOST_SECONDS, follow_redirects=True))

    def end(self) -> None:
        self._open.close()
        self.server.terminate()
        self.server.communicate(timeout=MOST_SECONDS)

    def note(self, **secrets: str) -> None:
        for name, value in secrets.items():
            assert len(value) >= 6, name
            self.secrets[f"{name} {len(self.secrets)}"] = value


# --- The app ----------------------------------------------------------------------------------------------------
def of_a_warehouse_user(day: Day, pat: User) -> None:
    """Signs in both ways and wrongly, goes on, asks for a warehouse token, signs out."""
    app = day.browser()
    day.note(password=PASSWORD, wrong=WRONG_PASSWORD, verifier=VERIFIER, state=STATE)
    _token(app, day, {"grant_type": "password", "username": pat.email, "password": WRONG_PASSWORD}, status=400)
    _token(app, day, {"grant_type": "password", "username": pat.email, "password": PASSWORD})
    (answer,) = app.post("/authorize", data=login_form(pat, state=STATE)).json()
    day.note(code=answer["code"])
    tokens = _token(app, day, redemption(answer["code"]))
    tokens = _token(app, day, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    (issued,) = app.post("/warehouse-tokens", headers=bearer).json()
    _note_tokens(day, issued["accessToken"], issued["refreshToken"])
    _token(app, day, {"grant_type": "refresh_token", "refresh_token": issued["refreshToken"]})
    assert app.get("/warehouse-user-assignments", headers=bearer).status_code == 200
    assert app.get("/users", headers={"Authorization": "Bearer broken"}).status_code == 401
    assert app.post("/revoke", data={"token": tokens["refresh_token"]}).status_code == 200


def _token(app: httpx.Client, day: Day, form: dict[str, Any], *, status: int = 200) -> Any:
    answer = app.post("/token", data=form)
    assert answer.status_code == status, answer.text
    if status == 200:
        _note_tokens(day, answer.json()["access_token"], answer.json()["refresh_token"])
    return answer.json()


def _note_tokens(day: Day, access: str, refresh: str) -> None:
    """Whole, and the part of each without which it is worth nothing."""
    day.note(access_token=access, signature=access.split(".")[2])
    day.note(refresh_token=refresh, refresh_secret=refresh.split(".")[2], refresh_signature=refresh.split(".")[3])


# --- The Back Office --------------------------------------------------------------------------------------------
class Office:
    """A browser, as far as forms go."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.browser = day.browser()

    def get(self, path: str) -> str:
        return self._heard(self.browser.get(path))

    def post(self, path: str, form: dict[str, Any], **sent: Any) -> str:
        """Fills in the form at this address, with the token that the page carries."""
        page = self.get(path)
        (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        self.day.note(form_token=token)
        return self._heard(self.browser.post(path, data=form | {"csrfmiddlewaretoken": token}, **sent))

    def _heard(self, answer: httpx.Response) -> str:
        assert answer.status_code == 200, (answer.url, answer.status_code, answer.text[:2000])
        for name, value in self.browser.cookies.items():
            if value not in self.day.secrets.values() and name != "messages":
                self.day.note(**{name: value})
        return answer.text


def of_an_administrator(day: Day, ada: User, pat: User) -> None:
    office = Office(day)
    day.note(own=OWN_PASSWORD, new=NEW_PASSWORD, set=SET_PASSWORD, imported=IMPORTED_PASSWORD, faulty=FAULTY_PASSWORD)
    office.post("/admin/login/", {"username": ada.email, "password": WRONG_PASSWORD})
    _sign_in(office, ada, PASSWORD)
    key, recovery_code = _switch_on_second_factor(office, ada)
    _change_own_password(office)
    _make_client(office)
    _set_password_of(office, pat)
    _import_people(office)
    office.browser.post("/admin/logout/", data={"csrfmiddlewaretoken": office.browser.cookies["csrftoken"]})
    office = Office(day)
    _sign_in(office, ada, OWN_PASSWORD)
    office.post("/admin/login/code/", {"code": _code(day, key, ada)})
    assert "Dashboard" in office.get("/admin/")
    _forget_password(day, ada)
    office = Office(day)
    _sign_in(office, ada, NEW_PASSWORD)
    office.post("/admin/login/code/", {"code": recovery_code})
    assert "Dashboard" in office.get("/admin/")


def _sign_in(office: Office, ada: User, password: str) -> None:
    page = office.post("/admin/login/", {"username": ada.email, "password": password})
    assert "Authentication failed" not in page


def _code(day: Day, key: bytes, ada: User) -> str:
    """What the app shows; as if time had passed since its last code."""
    TOTPDevice.objects.filter(user=ada).update(last_t=-1, throttling_failure_count=0)
    StaticDevice.objects.filter(user=ada).update(throttling_failure_count=0)
    code = f"{totp(key):06}"
    day.note(second_factor_code=code)
    return code


def _switch_on_second_factor(office: Office, ada: User) -> tuple[bytes, str]:
    (shown,) = re.findall(r'id="two-factor-key"[^>]*>([A-Z2-7 ]+)<', office.get("/admin/two-factor/"))
    key = b32decode(shown.replace(" ", ""))
    page = office.post("/admin/two-factor/", {"code": _code(office.day, key, ada)})
    codes = re.findall(r'<code class="font-semibold">(\w{8})</code>', page)
    assert len(codes) == 10
    office.day.note(key=shown.replace(" ", ""), key_in_hex=key.hex(), **{f"recovery_{code}": code for code in codes})
    return key, codes[0]


def _change_own_password(office: Office) -> None:
    form = {"old_password": PASSWORD, "new_password1": OWN_PASSWORD, "new_password2": OWN_PASSWORD}
    assert "User password was updated successfully." in office.post("/admin/password_change/", form)


def _make_client(office: Office) -> None:
    """Its first secret, then a new one, with which it asks about a token."""
    form = {"client_id": "picking", "name": "Picking", "is_confidential": "True", "redirect_uris": APP}
    pages = [office.post("/admin/users/client/add/", form | {"allowed_origins": ""})]
    (pk,) = re.findall(r"/admin/users/client/(\d+)/change/", office.get("/admin/users/client/"))[:1]
    pages.append(office.post(f"/admin/users/client/{pk}/secret/", {"change_reason": "once a year"}))
    found = [re.findall(r'id="client-secret"[^>]* value="([^"]+)"', page)[0] for page in pages]
    office.day.note(first_secret=found[0], secret=found[1])
    for secret, status in ((found[1], 200), (found[0], 401)):
        asked = {"token": next(value for name, value in office.day.secrets.items() if name.startswith("access_token"))}
        with httpx.Client(auth=("picking", secret), timeout=MOST_SECONDS) as client:
            assert client.post(f"{office.day.url}/introspect", data=asked).status_code == status


def _set_password_of(office: Office, pat: User) -> None:
    form = {"email": pat.email, "first_name": "Pat", "last_name": "Picker", "status": "active", "language": "en_US"}
    passwords = {"password1": SET_PASSWORD, "password2": SET_PASSWORD, "is_warehouse_user": "on"}
    page = office.post(f"/admin/users/user/{pat.pk}/change/", form | passwords | {"change_reason": "asked for it"})
    assert "User was updated successfully." in page


def _import_people(office: Office) -> None:
    """One sheet that is applied, one with a fault beside its password."""
    rows = f"new.hand@example.test,New,Hand,yes,,,,{IMPORTED_PASSWORD}"
    page = _upload(office, rows)
    assert "1 new" in page or "new.hand@example.test" in page
    (apply,) = re.findall(r"/admin/users/user/import/[0-9a-f-]{36}/apply/", page)[:1]
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    office.browser.post(apply, data={"csrfmiddlewaretoken": token})
    until(lambda: User.objects.filter(email="new.hand@example.test").exists())
    faulty = _upload(office, f"other.hand@example.test,Other,Hand,yes,,,,{FAULTY_PASSWORD}")
    assert "too short" in faulty


def _upload(office: Office, row: str) -> str:
    file = {"file": ("people.csv", f"{PEOPLE_HEADINGS}\n{row}\n".encode(), "text/csv")}
    office.post("/admin/users/user/import/", {"change_reason": "the new season"}, files=file)
    from config.spreadsheets.models import Import

    job = Import.objects.latest("created_at")
    until(lambda: Import.objects.get(pk=job.pk).state == Import.State.CHECKED)
    return office.get(f"/admin/users/user/import/{job.pk}/")


def _forget_password(day: Day, ada: User) -> None:
    """The e-mail is what the server prints (`EMAIL_URL`)."""
    office = Office(day)
    office.post("/admin/password_reset/", {"email": ada.email})
    assert day.server.stdout is not None
    link = None
    while link is None:
        line = day.server.stdout.readline()
        assert line, "the server has ended"
        link = re.search(r"(/admin/reset/\w+/)([\w-]+)/", line)
    day.note(link=link[2])
    office.get(link[0])
    form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert "Password updated." in office.post(f"{link[1]}set-password/", form)
