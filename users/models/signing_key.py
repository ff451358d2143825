"""The keys that sign our tokens: RSA, kept in the database, encrypted with `SECRET_KEY` (RFC 7517, RFC 7518).

The newest key is published at once, but signs only from `signs_from` on, so that everybody knows it before its first
token. The keys before it verify until their last token has ended: rotating signs nobody out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, cast

import structlog
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode

from config import encryption
from config.logs import audit
from config.statements import Given

logger = structlog.stdlib.get_logger(__name__)

#: The least that RS256 allows (RFC 7518 section 3.3).
KEY_BITS = 2048
#: A running process reads the keys again when it last did so many seconds ago,
REREAD_SECONDS = 60
#: or, for a token that names a key it does not know, already after so many.
REREAD_FOR_UNKNOWN_SECONDS = 1


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def verifying(self) -> SigningKeyQuerySet:
        """Those whose tokens may be believed."""
        return self.exclude(verifies_until__lte=timezone.now())

    def have(self, kid: str | Given) -> models.Exists:
        """Whether this key is still ours, for queries that ask it along with what else they ask.

        So a key that was removed counts for nothing from the next request on, whenever a process last read the keys.
        """
        return models.Exists(self.filter(kid=kid))

    def past_keeping(self) -> SigningKeyQuerySet:
        """Those that have ended: the next rotation deletes them, or `manage.py purge`."""
        return self.filter(verifies_until__lte=timezone.now())

    def readable(self) -> list[SigningKey]:
        """Those that verify and that this `SECRET_KEY` opens, newest first."""
        return [key for key in self.verifying() if key.is_readable]

    def make_first(self) -> None:
        """A key that signs at once, where the table has none at all: of those who race for it, one makes it.

        A key that this `SECRET_KEY` does not open, even one that has ended, says that other servers have another one:
        a key made here would take the place of theirs. Then an operator decides (`rotate_signing_key`).
        """
        key = SigningKey.generate()
        with _alone():
            if self.exists():
                return
            self._add(key, signs_in_seconds=0)
        logger.info("Signing Key Made", kid=key.kid)

    def rotate(self, *, published_seconds: int) -> SigningKey:
        """A new key, which signs after it was published for so long. Removes the keys that have ended.

        It never signs before every process of ours, whatever its clock says, would look it up on meeting its name.
        """
        key = SigningKey.generate()
        least_seconds = REREAD_FOR_UNKNOWN_SECONDS + settings.CLOCK_SKEW_SECONDS
        with _alone():
            self.past_keeping().delete()
            self._add(key, signs_in_seconds=published_seconds + least_seconds)
            signs_from = key.signs_from.isoformat()
            audit.info("Signing Key Rotated", tag="signing_key_rotated", kid=key.kid, signs_from=signs_from)
        return key

    def replace_all(self) -> tuple[SigningKey, list[str]]:
        """For a key that has leaked: a new one signs at once, and all others are gone.

        No token of theirs is believed from the next request on (`have`). Returns the new key and the ids of the others.
        """
        key = SigningKey.generate()
        with _alone():
            removed = list(self.values_list("kid", flat=True))
            self.all().delete()
            self._add(key, signs_in_seconds=0)
        return key, removed

    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`."""
        return encryption.reencrypt(self.all(), "encrypted", lambda key: _safe().rotate(bytes(key.encrypted)))

    def _add(self, key: SigningKey, *, signs_in_seconds: int) -> None:
        key.created_at = timezone.now()
        key.signs_from = key.created_at + timedelta(seconds=signs_in_seconds)
        self.filter(verifies_until=None).update(verifies_until=key.signs_from + _last_token_ends_after())
        key.save(force_insert=True)


def signer_among(keys: Iterable[SigningKey]) -> SigningKey | None:
    """Of keys sorted newest first, the one that signs. Where a slow clock says that none may, the oldest does."""
    signing = None
    for signing in keys:
        if signing.has_started:
            break
    return signing


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction in which nobody else adds or removes keys. Reading goes on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE users_signingkey IN SHARE ROW EXCLUSIVE MODE")
        yield


def _last_token_ends_after() -> timedelta:
    """How long after its successor begins to sign a key still has tokens: some process may not have noticed yet."""
    longest = max(settings.ACCESS_TOKEN_SECONDS, settings.WAREHOUSE_TOKEN_SECONDS)
    return timedelta(seconds=longest + REREAD_SECONDS + settings.CLOCK_SKEW_SECONDS)


class SigningKey(models.Model):
    """One RSA key. Its private half is readable only with `SECRET_KEY`, and shown nowhere."""

    #: Its thumbprint (RFC 7638).
    kid = models.CharField(primary_key=True, max_length=43)
    encrypted = models.BinaryField()
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField()
    #: None for the newest.
    verifies_until = models.DateTimeField(null=True)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(verifies_until=None), name="signing_key_one_newest"
            ),
        ]

    def __str__(self) -> str:
        return self.kid

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key, not saved."""
        private = generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return cls(kid=_thumbprint(private.public_key()), encrypted=_safe().encrypt(der))

    @property
    def is_readable(self) -> bool:
        """Whether this `SECRET_KEY` opens it. One that it does not is a line in the log."""
        try:
            return bool(self.private)
        except InvalidToken:
            logger.warning("Signing Key Unreadable: SECRET_KEY has changed", kid=self.kid)
            return False

    @property
    def has_started(self) -> bool:
        """Whether it may sign."""
        return self.signs_from <= timezone.now()

    @property
    def has_ended(self) -> bool:
        """Whether none of its tokens may be believed any more."""
        return self.verifies_until is not None and self.verifies_until <= timezone.now()

    @cached_property
    def private(self) -> RSAPrivateKey:
        """Raises InvalidToken if `SECRET_KEY` does not open it."""
        der = _safe().decrypt(bytes(self.encrypted))
        # The check of the numbers takes thousands of times as long as the rest, and encryption vouches for them.
        return cast(RSAPrivateKey, load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True))

    @cached_property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 7517 section 4)."""
        return {"use": "sig", "alg": "RS256", "kid": self.kid} | _members(self.public)


def _safe() -> Any:
    return encryption.fernet("signing keys")


def _thumbprint(key: RSAPublicKey) -> str:
    canonical = json.dumps(_members(key), sort_keys=True, separators=(",", ":"))
    return base64url_encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _members(key: RSAPublicKey) -> dict[str, str]:
    """What a JSON Web Key must hold of it: `e`, `kty` and `n` (RFC 7638 section 3.2)."""
    members = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: members[name] for name in ("kty", "n", "e")}
