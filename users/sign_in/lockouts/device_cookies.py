"""Device cookies: a signed cookie marks browsers in which a person has signed in to the Back Office before.

OWASP, "Slow Down Online Guessing Attacks with Device Cookies": failures in such a browser are counted separately, so
that an attacker at the same address cannot lock its user out. The cookie does not authenticate. It is valid for one
account, until a password change or the end of the person's sessions, for at most `DEVICE_COOKIE_AGE` seconds.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from config.web.paths import is_page
from users.models import User
from users.sign_in.lockouts.in_force import key_of

SALT = "users.devices"
#: People per cookie; the one who has not signed in for the longest time is dropped.
MAX_PEOPLE = 5


def remember(request: HttpRequest, response: HttpResponse, user: User) -> HttpResponse:
    """Sets the cookie for a user who has just authenticated. A new device id each time resets its failures."""
    entry = {"device": str(uuid4()), "proof": _proof(user), "until": int(time.time()) + settings.DEVICE_COOKIE_AGE}
    others = [(uuid, other) for uuid, other in _entries(request).items() if uuid != str(user.uuid)]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(dict([(str(user.uuid), entry), *others][:MAX_PEOPLE]), salt=SALT),
        max_age=settings.DEVICE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        path=settings.SESSION_COOKIE_PATH,
        samesite="Lax",
    )
    return response


def known_device(request: HttpRequest, account: str) -> UUID | None:
    """The device id of this browser, or None if its cookie is not valid for this account (`in_force.key_of`).

    One query if the signature is valid, for any account, else none. Always None at the API, which reads no cookies
    (contract 6.1).
    """
    entries = _entries(request) if is_page(request) else {}
    people = User.objects.filter(uuid__in=list(entries)) if entries else ()
    for user in people:
        entry = entries[str(user.uuid)]
        if key_of(user.email) == account and constant_time_compare(entry["proof"], _proof(user)):
            return UUID(entry["device"])
    return None


def _entries(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """A person's uuid → device, proof and expiry; the latest sign-in first. Empty if the signature is invalid."""
    try:
        entries = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT)
    except signing.BadSignature:
        return {}
    return {uuid: entry for uuid, entry in entries.items() if entry["until"] > time.time()}


def _proof(user: User) -> str:
    """Changes with the password, and when the person is signed out everywhere."""
    return salted_hmac(SALT, user.get_session_auth_hash(), algorithm="sha256").hexdigest()[:32]
