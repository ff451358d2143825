"""Sign-in names for people without a mailbox, such as `juergen.mueller@staff.invalid`."""

from __future__ import annotations

import re
import secrets
from itertools import count
from typing import Any

from django.conf import settings
from django.db import connection

from users.models import User

#: Of the part before the @ (RFC 5321 section 4.5.3.1.1), with room for a number.
_MAX_CHARACTERS = 56
_AT_ONCE = 50
#: One more than this has a random number.
_DIGITS = 4


def propose_sign_in_name(first_name: str, last_name: str, viewer: Any) -> str:
    """A free one from the person's name, numbered if the name itself is taken, also by a deleted person.

    For a confined viewer it always has a number, a random one: it must not tell of namesakes elsewhere.
    """
    start = _folded(f"{first_name} {last_name}") or "user"
    for first in count(1, _AT_ONCE):
        at_random = (10**_DIGITS + secrets.randbelow(9 * 10**_DIGITS) for _n in range(_AT_ONCE))
        numbers = list(at_random) if viewer.is_confined else range(first, first + _AT_ONCE)
        names = [f"{start}{'' if number == 1 else number}@{settings.SIGN_IN_DOMAIN}" for number in numbers]
        taken = {email.lower() for email in User.objects.by_emails(names).values_list("email", flat=True)}
        if free := [name for name in names if name not in taken]:
            return free[0]
    raise AssertionError("unreachable")


def _folded(name: str) -> str:
    """Its words as the search folds them: of two spellings the last one, where ü is ue."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_text(word) FROM unnest(%s::text[]) AS word", [name.split()])
        words = [text.rpartition(" ")[2] for (text,) in cursor.fetchall()]
    plain = [re.sub(r"[^a-z0-9-]", "", word).strip("-") for word in words]
    return ".".join(filter(None, plain))[:_MAX_CHARACTERS].strip(".-")
