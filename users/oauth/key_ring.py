"""The signing keys of a process: cached, and read again at intervals and for unknown keys."""

from __future__ import annotations

import math
from threading import Lock
from time import monotonic, time
from typing import Any, NamedTuple, cast

import jwt
import structlog
from django.conf import settings
from django.db import Error
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from config.api import errors
from config.api.errors import ApiError
from users.models.oauth.signing_key import REREAD_FOR_UNKNOWN_SECONDS, REREAD_SECONDS, SigningKey, signer_among

logger = structlog.stdlib.get_logger(__name__)

#: Cached tokens with a verified signature: at most about 6 MB.
_MAX_VERIFIED = 2_000


class Verified(NamedTuple):
    """A token with a verified signature."""

    kid: str
    claims: dict[str, Any]


class KeyRing(TokenBackend):
    """Signs with the newest key that has started, and verifies with the key that `kid` names.

    Thread-safe: `_keys` is only replaced, never changed.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._keys: dict[str, SigningKey] = {}
        self._verified: dict[Any, Verified] = {}
        self._reading = Lock()
        self._read_at = self._tried_at = -math.inf

    @property
    def keys(self) -> dict[str, SigningKey]:
        """The verifying keys by id, newest first: at least one.

        Raises ApiError if `SECRET_KEY` decrypts none, and django.db.Error if no keys could be read.
        """
        self._reread_after(REREAD_SECONDS)
        return self._live()

    @property
    def newest_keys(self) -> dict[str, SigningKey]:
        """The same, including keys that were added a second ago."""
        self._reread_after(REREAD_FOR_UNKNOWN_SECONDS)
        return self._live()

    @property
    def current(self) -> SigningKey:
        """The signing key. Raises the errors of `keys`."""
        return cast(SigningKey, signer_among(self.keys.values()))

    def encode(self, payload: dict[str, Any]) -> str:
        key = self.current
        return jwt.encode(payload, key.private, algorithm=self.algorithm, headers={"kid": key.kid})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims of a token with valid signature, key and times. Raises TokenBackendError for any other.

        The signature is verified once, key and expiry at each call. Revocation is not checked here.
        """
        known = self._verified.get(token) if verify else None
        if (
            known is not None
            and known.kid in self.keys
            and known.claims["exp"] > time() - self.get_leeway().total_seconds()
        ):
            return dict(known.claims)
        claims = super().decode(token, verify)
        if verify and "exp" in claims:
            if len(self._verified) >= _MAX_VERIFIED:
                self._verified.clear()  # simpler than evicting the least recently used
            self._verified[token] = Verified(jwt.get_unverified_header(token)["kid"], dict(claims))
        return claims

    def kid_of(self, token: Any) -> str:
        """The id of the key that signed a decoded token."""
        known = self._verified.get(token)
        return known.kid if known is not None else jwt.get_unverified_header(token)["kid"]

    def mark_outdated(self) -> None:
        """Reads the keys again at the next use: the database has others."""
        self._read_at = self._tried_at = -math.inf

    def get_verifying_key(self, token: Any) -> Any:
        try:
            kid = jwt.get_unverified_header(token)["kid"]
            return (self.keys.get(kid) or self.newest_keys[kid]).public
        except (jwt.InvalidTokenError, KeyError, TypeError) as problem:
            raise TokenBackendError("Token is invalid") from problem

    def read(self) -> None:
        """Reads the keys now, and makes the first one if there is none.

        Raises ApiError if there are keys, but none that verifies and that `SECRET_KEY` decrypts.
        """
        self._tried_at = started_at = monotonic()
        keys = SigningKey.objects.readable()
        if not (keys or SigningKey.objects.exists()):
            SigningKey.objects.make_first()
            keys = SigningKey.objects.readable()
        self._keys = {key.kid: key for key in keys}
        if not keys:
            raise ApiError(errors.NO_SIGNING_KEY)
        self._read_at = started_at  # later keys may be missing

    def _live(self) -> dict[str, SigningKey]:
        return {kid: key for kid, key in self._keys.items() if not key.has_ended}

    def _reread_after(self, seconds: float) -> None:
        """Keeps the last keys while the database is unavailable."""
        if not self._is_due(seconds):
            return
        with self._reading:
            try:
                if self._is_due(seconds):  # no other thread has read them since
                    self.read()
            except Error as problem:
                if not self._live():
                    raise
                logger.warning("Signing keys not read again", problem=str(problem))

    def _is_due(self, seconds: float) -> bool:
        """Whether the keys are that old, or none. A failed attempt is not repeated at once."""
        now = monotonic()
        is_old = now - self._read_at >= seconds and now - self._tried_at >= REREAD_FOR_UNKNOWN_SECONDS
        return is_old or not self._live()


key_ring = KeyRing("RS256", issuer=settings.ISSUER, leeway=settings.CLOCK_SKEW_SECONDS)
