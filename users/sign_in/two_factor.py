"""The second factor: a code of an authenticator app, or one of ten recovery codes (django-otp).

Users who have switched it on need a code at every sign-in. With `REQUIRE_TWO_FACTOR` all users must switch it on before
they can open any other page of the Back Office.
"""

from __future__ import annotations

from base64 import b32encode
from typing import Any

import qrcode
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.forms import CharField, Form, TextInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django_otp import login as otp_login
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key
from qrcode.image.svg import SvgPathImage
from unfold.widgets import INPUT_CLASSES

from config.audit.log import audit
from config.database.lost_updates import RowChangedError
from users.models import User
from users.models.totp_device import Authenticator, RecoveryCodes, recovery_digest
from users.models.user import CHANGED
from users.sign_in.lockouts import device_cookies
from users.sign_in.lockouts.in_force import Lockout

#: Session keys: the app's key during enrolment, and the recovery codes to display once.
_KEY, _CODES = "two_factor_key", "two_factor_codes"
_RECOVERY_CODES = 10
_TOTP_DIGITS = 6


# --- Devices and codes ------------------------------------------------------------------------------------------
def is_on(user: User) -> bool:
    return Authenticator.objects.filter(user=user, confirmed=True).exists()


def switch_on(user: User, key: str, code: str) -> Authenticator | None:
    """Stores the key if the code is one of it, and ends the user's other sessions. None if the code is wrong.

    Raises RowChangedError if the user was deactivated, signed out or given other rights since the request began.
    """
    device = Authenticator.of_key(user, key)
    if not device.shows(code):
        return None
    with transaction.atomic():
        user.lock_unchanged()
        switch_off(user)
        device.save()
        user.sign_out_of_back_office()
    audit.info("Two-Factor Switched On", tag="two_factor_switched_on", username=user.email)
    return device


def switch_off(user: User) -> bool:
    """Deletes app and recovery codes. Returns whether there were any."""
    return any([model.objects.filter(user=user).delete()[0] for model in (Authenticator, StaticDevice)])


def new_recovery_codes(user: User) -> list[str]:
    """Ten single-use codes, which replace earlier ones. Stores only their digests.

    Raises RowChangedError as `switch_on` does.
    """
    codes = [StaticToken.random_token() for _n in range(_RECOVERY_CODES)]
    digests = [recovery_digest(user.uuid, code) for code in codes]  # slow: before the lock
    with transaction.atomic():
        user.lock_unchanged()
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=device, token=digest) for digest in digests)
    return codes


def device_accepting(user: User, code: str) -> Authenticator | None:
    """The user's app if the code is one of it or a recovery code; None if it is wrong or throttled."""
    app = Authenticator.objects.filter(user=user, confirmed=True).first()
    asked: Any = app
    if len(code) != _TOTP_DIGITS:
        asked, code = RecoveryCodes.objects.filter(user=user).first(), recovery_digest(user.uuid, code)
    return app if asked and verify_token(user, asked.persistent_id, code) else None


def lockouts_of(user: User) -> list[Lockout]:
    """The lockouts of app and recovery codes after wrong codes."""
    devices = [one for model in (Authenticator, RecoveryCodes) for one in model.objects.filter(user=user)]
    states = [device.verify_is_allowed() for device in devices if device.confirmed]
    return [
        Lockout(what="code", until=state["locked_until"], failures=state["failure_count"])
        for is_allowed, state in states
        if not is_allowed and state
    ]


@transaction.atomic
def reset_wrong_codes(user: User) -> int:
    """Ends these lockouts. Returns the number of consecutive wrong codes. Writes only the columns of throttling."""
    number = 0
    for model in (Authenticator, RecoveryCodes):
        rows = model.objects.filter(user=user, throttling_failure_count__gt=0)
        number += sum(rows.select_for_update().values_list("throttling_failure_count", flat=True))
        rows.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    return number


# --- Forms ------------------------------------------------------------------------------------------------------
class CodeForm(Form):
    """A code of the app or a recovery code. Spaces and hyphens are ignored."""

    code = CharField(
        label=_("Code"),
        max_length=20,
        error_messages={"required": _("This value should not be blank.")},
        widget=TextInput(
            {"class": " ".join(INPUT_CLASSES), "autocomplete": "one-time-code", "autofocus": "", "spellcheck": "false"}
        ),
    )

    def clean_code(self) -> str:
        return self.cleaned_data["code"].replace(" ", "").replace("-", "").lower()

    def refuse(self) -> None:
        self.add_error("code", _("This code is not right. Wait until your app shows the next one, and try again."))


# --- Pages ------------------------------------------------------------------------------------------------------
@never_cache
@csrf_protect
def own(request: HttpRequest) -> HttpResponse:
    """Enrolment, or, if the user is enrolled, new recovery codes and switching off, both with a code."""
    user: Any = request.user
    if not (user.is_authenticated and user.is_staff) or user.must_change_password:
        return redirect_to_login(request.get_full_path(), "admin:login")
    try:
        return _manage(request, user) if is_on(user) else _enrol(request, user)
    except RowChangedError:
        messages.error(request, CHANGED)
        return redirect("admin_two_factor")


def _enrol(request: HttpRequest, user: User) -> HttpResponse:
    key = request.session.setdefault(_KEY, default_key())
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if device := switch_on(user, key, form.cleaned_data["code"]):
            del request.session[_KEY]
            update_session_auth_hash(request, user)
            otp_login(request, device)
            messages.success(request, _("Two-factor sign-in is switched on."))
            return device_cookies.remember(request, _show_codes(request, user), user)
        form.refuse()
    device = TOTPDevice(user=user, key=key)
    secret = b32encode(device.bin_key).decode()
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    context = {"form": form, "secret": groups, "qr_code": qr_code(device.config_url)}
    return page(request, "two_factor/enrol.html", _("Switch on two-factor sign-in"), **context)


def qr_code(text: str) -> str:
    """An SVG without style or script, dark on light in both themes: many cameras do not read inverted codes."""
    return qrcode.make(text, image_factory=SvgPathImage, box_size=16).to_string(encoding="unicode")


def _manage(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if device := device_accepting(user, form.cleaned_data["code"]):
            otp_login(request, device)
            return _switched_off(request, user) if "switch_off" in request.POST else _show_codes(request, user)
        form.refuse()
    codes = request.session.pop(_CODES, [])
    left = StaticToken.objects.filter(device__user=user).count()
    return page(request, "two_factor/manage.html", _("Two-factor sign-in"), form=form, codes=codes, left=left)


def _show_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Creates recovery codes and redirects to the page that shows them once."""
    request.session[_CODES] = new_recovery_codes(user)
    return redirect("admin_two_factor")


def _switched_off(request: HttpRequest, user: User) -> HttpResponse:
    with transaction.atomic():
        user.lock_unchanged()
        switch_off(user)
    audit.warning("Two-Factor Switched Off", tag="two_factor_switched_off", username=user.email)
    messages.success(request, _("Two-factor sign-in is switched off."))
    return redirect("admin_two_factor")


def page(request: HttpRequest, template: str, title: Any, **context: Any) -> HttpResponse:
    shared = admin.site.each_context(request) | {"title": title, "subtitle": None}
    return TemplateResponse(request, template, shared | context)
