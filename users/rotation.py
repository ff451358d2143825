"""Refresh tokens: opaque, single-use, never stored in clear (RFC 6749 section 6, RFC 9700 section 4.14).

A token is `<kind>.<row id>.<secret>.<signature>`. The row keeps digests of the current and the previous
secret. The next secret is derived from the one before it, so that a client whose answer got lost can ask
again within the grace window and be given the *same* successor without our keeping it. The signature tells a
token we once issued, and which is used again, from one somebody invented.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

#: Columns of a credential that using it up changes.
_ROTATED = ("refresh_digest", "previous_refresh_digest", "refreshed_at", "retry_used", "expires_at")
_signer = Signer(sep=".", salt="refresh-token")


class RefreshRefusedError(Exception):
    """The row behind the refresh token has ended or expired."""


class RefreshTokenReusedError(RefreshRefusedError):
    """A refresh token came back after its successor was in use: a copy is in other hands."""


class RotatingCredential(models.Model):
    """A row that a chain of refresh tokens stands for."""

    #: First part of its refresh tokens: tells which table they belong to.
    kind: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    refresh_digest = models.CharField(max_length=64, editable=False)
    previous_refresh_digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 (null is not a digest)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    retry_used = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["refresh_digest"], name="%(class)s_refresh_digest_unique"),
            models.UniqueConstraint(fields=["previous_refresh_digest"], name="%(class)s_previous_digest_unique"),
        ]

    @property
    def is_live(self) -> bool:
        """Whether what hangs on this row may still be used."""
        return self.expires_at > timezone.now()

    def first_refresh_token(self) -> str:
        """Starts the chain; call before the row is first saved."""
        secret = secrets.token_hex(32)
        self.refresh_digest = _digest(secret)
        return self._token(secret)

    @classmethod
    def of_refresh_token(cls, token: str) -> Self | None:
        """The row this token was issued for, whether or not the token is still good; None for a foreign one."""
        parts = _parts(token)
        return cls._default_manager.filter(pk=parts[1]).first() if parts and parts[0] == cls.kind else None

    def rotate(self, token: str) -> str:
        """The successor of `token`, which is thereby used up.

        Raises RefreshRefusedError when the row is no longer live, and RefreshTokenReusedError when the token had been
        used up before, except for the one retry within `REFRESH_GRACE_SECONDS` that gets the same successor.
        """
        _, _, secret = _parts(token) or ("", "", "")
        successor = salted_hmac("refresh-successor", secret, algorithm="sha256").hexdigest()
        with transaction.atomic():
            current = type(self)._default_manager.select_for_update(of=("self",)).filter(pk=self.pk).first()
            if current is None or not current.is_live:
                raise RefreshRefusedError
            current._use_up(_digest(secret), _digest(successor))
        return self._token(successor)

    def _use_up(self, digest: str, successor_digest: str) -> None:
        now = timezone.now()
        if digest == self.refresh_digest:
            self.previous_refresh_digest, self.refresh_digest = digest, successor_digest
            self.refreshed_at, self.retry_used = now, False
            self.expires_at = now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS)
        elif digest == self.previous_refresh_digest and self._may_retry(now):
            self.retry_used = True
        else:
            raise RefreshTokenReusedError
        self.save(update_fields=_ROTATED)

    def _may_retry(self, now) -> bool:
        window = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
        return not self.retry_used and self.refreshed_at is not None and now - self.refreshed_at <= window

    def _token(self, secret: str) -> str:
        return _signer.sign(f"{self.kind}.{self.pk.hex}.{secret}")


def _parts(token: str) -> tuple[str, str, str] | None:
    """Kind, row id and secret of a token that we issued."""
    try:
        kind, pk, secret = _signer.unsign(token).split(".")
    except (BadSignature, ValueError):
        return None
    return kind, pk, secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
