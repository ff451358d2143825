"""Browsers in which a person has signed in to the Back Office before, known by a signed cookie.

OWASP, "Slow Down Online Guessing Attacks with Device Cookies": failures in such a browser are counted by themselves, so
that nobody else at the same address locks its person out. The cookie signs nobody in. It is worth nothing for another
account, after its person's password changed or sessions were ended, and after `DEVICE_COOKIE_AGE` seconds.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from config.paths import is_back_office
from users.models import User
from users.sign_in.lockouts import key_of

SALT = "users.devices"
#: How many people one browser is known to at the same time; who was longest away is forgotten.
MAX_PEOPLE = 5


def remember(request: HttpRequest, response: HttpResponse, user: User) -> HttpResponse:
    """The response, which makes this browser known to somebody who has just proved who they are.

    Its number is a new one each time, as its failures are then counted from nought.
    """
    entry = {"device": str(uuid4()), "proof": _proof(user), "until": int(time.time()) + settings.DEVICE_COOKIE_AGE}
    others = [(uuid, kept) for uuid, kept in _entries(request).items() if uuid != str(user.uuid)]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(dict([(str(user.uuid), entry), *others][:MAX_PEOPLE]), salt=SALT),
        max_age=settings.DEVICE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def known_device(request: HttpRequest, account: str) -> UUID | None:
    """The number of this browser if it is known to the person of this account (`failures.key_of`).

    One query if the cookie is genuine, whatever account is asked for; otherwise none. None at the API, which reads no
    cookies (contract 6.1).
    """
    entries = _entries(request) if is_back_office(request) else {}
    people = User.objects.filter(uuid__in=list(entries)) if entries else ()
    for user in people:
        entry = entries[str(user.uuid)]
        if key_of(user.email) == account and constant_time_compare(entry["proof"], _proof(user)):
            return UUID(entry["device"])
    return None


def _entries(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Person's uuid → what the cookie says of them, the latest first. Empty if the cookie is not of our making."""
    try:
        entries = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT)
    except signing.BadSignature:
        return {}
    return {uuid: entry for uuid, entry in entries.items() if entry["until"] > time.time()}


def _proof(user: User) -> str:
    """Another one after a new password and after being signed out everywhere."""
    return salted_hmac(SALT, user.get_session_auth_hash(), algorithm="sha256").hexdigest()[:32]
