"""What is kept of the second factor: the key that a person's app shares with us, and digests of recovery codes.

The tables are django-otp's, which would keep both in clear.
"""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from binascii import unhexlify
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from django_otp.models import DeviceManager
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from config import encryption
from users.models.user import User

logger = structlog.stdlib.get_logger(__name__)

_PURPOSE = "second factors"


# --- Wrong codes ------------------------------------------------------------------------------------------------
class BackOff:
    """Before django-otp's `ThrottlingMixin`, whose pause after a wrong code doubles with each one, without end: whoever
    has the password could close the second factor for years.
    """

    #: Failures in a row from which on the pause grows no longer: 2 ** 8 seconds, some four minutes.
    MAX_COUNTED = 9
    throttling_failure_count: int

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        self.throttling_failure_count = min(self.throttling_failure_count, self.MAX_COUNTED)
        allowed: tuple[bool, dict[str, Any] | None] = super().verify_is_allowed()  # type: ignore[misc]
        return allowed


# --- The app ----------------------------------------------------------------------------------------------------
def sealed(key: str, user_id: int) -> str:
    """A key, in hexadecimal digits, as the column holds it."""
    return encryption.seal(_PURPOSE, unhexlify(key), str(user_id))


class AuthenticatorManager(DeviceManager):
    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`."""
        return encryption.reencrypt(self.all(), "key", lambda app: sealed(app.bin_key.hex(), app.user_id))


class Authenticator(BackOff, TOTPDevice):
    """A person's app. Its key, from which every code follows, is encrypted with `SECRET_KEY`."""

    objects = AuthenticatorManager()

    class Meta:
        proxy = True
        default_permissions = ()

    @classmethod
    def of_key(cls, user: User, key: str) -> Authenticator:
        """Not saved."""
        return cls(user=user, name="authenticator", key=sealed(key, user.pk))

    @property
    def bin_key(self) -> bytes:
        """Raises InvalidTag if this `SECRET_KEY` does not open it."""
        return encryption.unseal(_PURPOSE, self.key, str(self.user_id))

    def shows(self, code: str) -> bool:
        """Whether the app shows this code now; if so, the code is used up once the row is saved."""
        clock = TOTP(self.bin_key, self.step, self.t0, self.digits)
        clock.time = time.time()
        if not (code.isascii() and code.isdigit() and clock.verify(int(code), self.tolerance)):
            return False
        self.last_t = clock.t()
        return True

    def verify_token(self, token: str) -> bool:
        """No code is right where `SECRET_KEY` has changed: the person comes in with a recovery code."""
        try:
            return bool(super().verify_token(token))
        except InvalidTag:
            logger.warning("Second Factor Unreadable: SECRET_KEY has changed", user=self.user_id)
            return False


# --- Recovery codes ---------------------------------------------------------------------------------------------
class RecoveryCodes(BackOff, StaticDevice):
    """A person's recovery codes; of each only the digest is kept."""

    class Meta:
        proxy = True
        default_permissions = ()


def recovery_digest(person: UUID, code: str) -> str:
    """What is kept of a recovery code: 16 characters.

    Slow on purpose, as for a password: a code has 40 random bits, which a fast digest would give away. `SECRET_KEY`
    has no part in it, so that the codes still work after that has changed.
    """
    digest = hashlib.scrypt(code.encode(), salt=person.bytes, n=2**14, r=8, p=1, dklen=12)
    return urlsafe_b64encode(digest).decode()
