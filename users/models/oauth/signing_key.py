"""The RSA keys of tokens, stored encrypted with `SECRET_KEY` (RFC 7517, RFC 7518).

The newest key is published at once, but signs only from `signs_from` on, so that every service knows it before its
first token. Older keys verify until their last token has expired: a rotation ends no session.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import structlog
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.functional import cached_property
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode

from config import encryption
from config.audit.log import audit
from config.database.compiled_queries import Parameter
from config.telemetry.gauges import Gauge

logger = structlog.stdlib.get_logger(__name__)

#: The minimum for RS256 (RFC 7518 section 3.3).
KEY_BITS = 2048
#: Interval at which a process reads the keys again.
REREAD_SECONDS = 60
#: The same for a token with an unknown key.
REREAD_FOR_UNKNOWN_SECONDS = 1


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def verifying(self) -> SigningKeyQuerySet:
        """The keys whose tokens are valid."""
        return self.exclude(verifies_until__lte=timezone.now())

    def have(self, kid: str | Parameter) -> models.Exists:
        """A condition for other queries: the key exists.

        So the removal of a key takes effect at the next request, before processes read the keys again.
        """
        return models.Exists(self.filter(kid=kid))

    def gauges(self) -> Iterator[Gauge]:
        """For the metrics."""
        now = timezone.now()
        signs_from = self.filter(signs_from__lte=now).aggregate(newest=models.Max("signs_from"))["newest"]
        if signs_from is not None:
            age = (now - signs_from).total_seconds()
            yield Gauge("warehouse_signing_key_age_seconds", "How long the signing key has signed.", {"": age})

    def past_retention(self) -> SigningKeyQuerySet:
        """The keys that `manage.py purge` and the next rotation delete."""
        return self.filter(verifies_until__lte=timezone.now())

    def readable(self) -> list[SigningKey]:
        """The verifying keys that `SECRET_KEY` decrypts, newest first."""
        return [key for key in self.verifying() if key.is_readable]

    def make_first(self) -> None:
        """Makes a key that signs at once, if the table is empty. Safe against concurrent calls.

        A key that `SECRET_KEY` does not decrypt, even an expired one, means that other servers have another
        `SECRET_KEY`. A new key would replace theirs, so an operator must decide (`rotate_signing_key`).
        """
        key = SigningKey.generate()
        with _exclusively():
            if self.exists():
                return
            self._add(key, signs_in_seconds=0)
        logger.info("Signing Key Made", kid=key.kid)

    def rotate(self, *, published_seconds: int) -> SigningKey:
        """Makes a key that signs after it has been published for `published_seconds`. Deletes expired keys.

        It never signs before all processes read unknown keys again, whatever their clocks.
        """
        key = SigningKey.generate()
        least_seconds = REREAD_FOR_UNKNOWN_SECONDS + settings.CLOCK_SKEW_SECONDS
        with _exclusively():
            self.past_retention().delete()
            self._add(key, signs_in_seconds=published_seconds + least_seconds)
            signs_from = key.signs_from.isoformat()
            audit.info("Signing Key Rotated", tag="signing_key_rotated", kid=key.kid, signs_from=signs_from)
        return key

    def replace_all(self) -> tuple[SigningKey, list[str]]:
        """After a leak: makes a key that signs at once, and deletes all others.

        Their tokens are invalid from the next request on (`have`). Returns the new key and the ids of the others.
        """
        key = SigningKey.generate()
        with _exclusively():
            removed = list(self.values_list("kid", flat=True))
            self.all().delete()
            self._add(key, signs_in_seconds=0)
        return key, removed

    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`."""
        return encryption.reencrypt(self.all(), "encrypted", lambda key: _fernet().rotate(bytes(key.encrypted)))

    def _add(self, key: SigningKey, *, signs_in_seconds: int) -> None:
        key.created_at = timezone.now()
        key.signs_from = key.created_at + timedelta(seconds=signs_in_seconds)
        self.filter(verifies_until=None).update(verifies_until=key.signs_from + _verifying_period())
        key.save(force_insert=True)


def signer_among(keys: Iterable[SigningKey]) -> SigningKey | None:
    """The signing key among keys sorted newest first; the oldest, if none has started by a slow clock."""
    signing = None
    for signing in keys:
        if signing.has_started:
            break
    return signing


@contextmanager
def _exclusively() -> Iterator[None]:
    """A transaction that locks the table against other writes, not against reading."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE users_signingkey IN SHARE ROW EXCLUSIVE MODE")
        yield


def _verifying_period() -> timedelta:
    """How long a key verifies after its successor has started: until the last token of a late process expires."""
    longest = max(settings.ACCESS_TOKEN_SECONDS, settings.WAREHOUSE_TOKEN_SECONDS)
    return timedelta(seconds=longest + REREAD_SECONDS + settings.CLOCK_SKEW_SECONDS)


class SigningKey(models.Model):
    """An RSA key pair, encrypted with `SECRET_KEY`."""

    #: The thumbprint (RFC 7638).
    kid = models.CharField(primary_key=True, max_length=43)
    encrypted = models.BinaryField()
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField()
    #: None for the newest key.
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
        return cls(kid=_thumbprint(private.public_key()), encrypted=_fernet().encrypt(der))

    @property
    def is_readable(self) -> bool:
        """Whether `SECRET_KEY` decrypts it. Logs a warning if not."""
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
        """Whether all its tokens have expired."""
        return self.verifies_until is not None and self.verifies_until <= timezone.now()

    @cached_property
    def private(self) -> RSAPrivateKey:
        """Raises InvalidToken if `SECRET_KEY` does not decrypt it."""
        der = _fernet().decrypt(bytes(self.encrypted))
        # Validation is slow, and the encryption authenticates the key.
        return cast(RSAPrivateKey, load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True))

    @cached_property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 7517 section 4)."""
        return {"use": "sig", "alg": "RS256", "kid": self.kid} | _members(self.public)


def _fernet() -> Any:
    return encryption.fernet("signing keys")


def _thumbprint(key: RSAPublicKey) -> str:
    canonical = json.dumps(_members(key), sort_keys=True, separators=(",", ":"))
    return base64url_encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _members(key: RSAPublicKey) -> dict[str, str]:
    """The required members of its JSON Web Key (RFC 7638 section 3.2)."""
    members = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: members[name] for name in ("kty", "n", "e")}
