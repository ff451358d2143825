"""Authorization codes: issued by `/authorize`, redeemed once at `/token` (RFC 6749 section 4.1.2, contract 2.2)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from config.digests import digest
from config.retention import retention_cutoff
from users.models.session import Session
from users.models.user import User


class CodeRefusedError(Exception):
    """The code is unknown or expired, or its person has been signed out everywhere since."""


class CodeReplayedError(CodeRefusedError):
    """The code was redeemed before, so one of its two users may have stolen it."""


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    def store(
        self, code: str, user: User, *, client_id: str, redirect_uri: str, scope: str, challenge: str
    ) -> AuthorizationCode:
        """Stores the digest of a new code for an authenticated person."""
        return self.create(
            digest=digest(code),
            user=user,
            proof=user.get_session_auth_hash(),
            client_id=client_id,
            redirect_uri=redirect_uri,
            requested_scope=scope,
            challenge=challenge,
            expires_at=timezone.now() + timedelta(seconds=settings.AUTHORIZATION_CODE_SECONDS),
        )

    def past_retention(self) -> AuthorizationCodeQuerySet:
        """The codes that `manage.py purge` deletes."""
        return self.filter(expires_at__lt=retention_cutoff())

    def of(self, code: str, client_id: str) -> AuthorizationCode | None:
        """The row of a code that was issued to this client, valid or not."""
        return self.select_related("user").filter(digest=digest(code), client_id=client_id).first()


class AuthorizationCode(models.Model):
    """A code. Its row is kept after redemption, to detect replays."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    #: The person's session hash at issue; it changes when they are signed out everywhere.
    proof = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255)
    #: As sent to `/authorize`; empty if it was left out.
    redirect_uri = models.CharField(max_length=2000, blank=True, default="", db_default="")
    requested_scope = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: BASE64URL(SHA-256(verifier)) (RFC 7636 section 4.2).
    challenge = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)
    #: The session it was redeemed for, which a replay ends.
    session = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = AuthorizationCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.client_id} · {self.user_id}"

    # --- Authlib's interface ------------------------------------------------------------------------------------
    code_challenge_method = "S256"

    @property
    def code_challenge(self) -> str:
        return self.challenge

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.requested_scope

    # --- Redemption ---------------------------------------------------------------------------------------------
    def refuse_if_invalid(self) -> None:
        """Raises CodeReplayedError for a redeemed code, and CodeRefusedError for an invalid one."""
        if self.redeemed_at is not None:
            raise CodeReplayedError
        is_outdated = self.expires_at <= timezone.now() or self.proof != self.user.get_session_auth_hash()
        if is_outdated or not self.user.is_active:
            raise CodeRefusedError

    def end_session(self) -> None:
        """Ends the session it was redeemed for, after a replay (RFC 6749 section 4.1.2)."""
        session = Session.objects.filter(pk__in=AuthorizationCode.objects.filter(pk=self.pk).values("session")).first()
        if session is not None:
            session.end(gettext_noop("authorization code used twice"))
