"""Refresh tokens: opaque, single-use, stored as digests (RFC 6749 section 6, RFC 9700 section 4.14).

A token is `<kind>.<row id>.<secret>.<signature>`. The row has the digests of the current and the previous secret. Each
secret is derived from the previous one: a client that lost the response can retry within the grace period and gets the
*same* successor, which is not stored. The signature distinguishes a reused token from a forged one.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.core.signing import BadSignature, Signer
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from config.digests import digest

#: The columns that rotation writes.
_ROTATED = ("refresh_digest", "previous_refresh_digest", "refreshed_at", "retry_used", "expires_at")
_signer = Signer(sep=".", salt="refresh-token")


class RefreshRefusedError(Exception):
    """The row of the refresh token has ended or expired."""


class RefreshTokenReusedError(RefreshRefusedError):
    """The refresh token was used before: somebody may have a copy of it."""


class RotatingCredential(models.Model):
    """Abstract base of rows with a chain of refresh tokens."""

    #: First part of its refresh tokens, which names the table.
    kind: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    refresh_digest = models.CharField(max_length=64, editable=False)
    previous_refresh_digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 (null is not a digest)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    retry_used = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["refresh_digest"], name="%(class)s_refresh_digest_unique"),
            models.UniqueConstraint(fields=["previous_refresh_digest"], name="%(class)s_previous_digest_unique"),
        ]

    @property
    def is_live(self) -> bool:
        """Whether its tokens are still valid."""
        return self.expires_at > timezone.now()

    def first_refresh_token(self) -> str:
        """The first token of the chain. Call it before the row is first saved."""
        secret = secrets.token_hex(32)
        self.refresh_digest = digest(secret)
        return self._token(secret)

    @classmethod
    def of_refresh_token(cls, token: str) -> Self | None:
        """The row of an issued token, valid or not; None for any other text."""
        parts = _parts(token)
        return cls._default_manager.filter(pk=parts[1]).first() if parts and parts[0] == cls.kind else None

    def rotate(self, token: str) -> str:
        """Invalidates `token` and returns its successor.

        Raises RefreshRefusedError if the row is not live, and RefreshTokenReusedError for a token that was used before.
        One retry within `REFRESH_GRACE_SECONDS` returns the same successor.
        """
        _, _, secret = _parts(token) or ("", "", "")
        with transaction.atomic():
            current = type(self)._default_manager.select_for_update(of=("self",)).filter(pk=self.pk).first()
            if current is None or not current.is_live:
                raise RefreshRefusedError
            successor = current._rotate_secret(secret)
        return self._token(successor)

    def _rotate_secret(self, secret: str) -> str:
        """Stores the digest of the secret's successor, and returns the successor."""
        now, used = timezone.now(), digest(secret)
        if used == self.refresh_digest:
            successor = next(_successors(secret))
            self.previous_refresh_digest, self.refresh_digest = used, digest(successor)
            self.refreshed_at, self.retry_used = now, False
            self.expires_at = now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS)
        elif used == self.previous_refresh_digest and self._may_retry(now):
            successor = self._same_successor(secret)
            self.retry_used = True
        else:
            raise RefreshTokenReusedError
        self.save(update_fields=_ROTATED)
        return successor

    def _same_successor(self, secret: str) -> str:
        """The successor as it was returned before, derived with a former `SECRET_KEY` if that has changed."""
        for successor in _successors(secret):
            if digest(successor) == self.refresh_digest:
                return successor
        raise RefreshTokenReusedError

    def _may_retry(self, now) -> bool:
        window = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
        return not self.retry_used and self.refreshed_at is not None and now - self.refreshed_at <= window

    def _token(self, secret: str) -> str:
        return _signer.sign(f"{self.kind}.{self.pk.hex}.{secret}")


def _successors(secret: str) -> Iterator[str]:
    """The successors that `SECRET_KEY` and each of `SECRET_KEY_FALLBACKS` derive from this secret."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield salted_hmac("refresh-successor", secret, secret=key, algorithm="sha256").hexdigest()


def _parts(token: str) -> tuple[str, str, str] | None:
    """Kind, row id and secret of a token with a valid signature."""
    try:
        kind, pk, secret = _signer.unsign(token).split(".")
    except (BadSignature, ValueError):
        return None
    return kind, pk, secret
