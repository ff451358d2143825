"""The second factor, as a person with an authenticator app uses it."""

from __future__ import annotations

import time
from typing import Any

from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from users.models import Authenticator, User

PAGE = "/admin/two-factor/"

SECOND_STEP = "/admin/login/code/"

NOT_RIGHT = "This code is not right."


def code_of(device: TOTPDevice, *, later: int = 0) -> str:
    """What the person's app shows, so many steps of 30 seconds from now."""
    clock = TOTP(device.bin_key, drift=later)
    clock.time = time.time()
    return f"{clock.token():06}"


def wrong_code_of(device: TOTPDevice) -> str:
    """One that the app shows neither now nor soon: any code is right once in a while."""
    shown = {code_of(device, later=steps) for steps in range(-2, 10)}
    return next(code for code in ("000000", *map(str, range(100_000, 999_999))) if code not in shown)


def app_of(user: User) -> Authenticator:
    return Authenticator.objects.get(user=user)


def digests_of(user: User) -> set[str]:
    """What is kept of the person's recovery codes."""
    return set(StaticToken.objects.filter(device__user=user).values_list("token", flat=True))


def calm(user: User) -> None:
    """As if time had passed since the last code, right or wrong."""
    TOTPDevice.objects.filter(user=user).update(last_t=-1, throttling_failure_count=0)


def enrol(client: Client) -> Any:
    """Switches it on as a person would, by the key on the page."""
    client.get(PAGE)
    key = client.session["two_factor_key"]
    return client.post(PAGE, {"code": code_of(TOTPDevice(key=key))}, follow=True)
