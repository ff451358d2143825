"""Authorization codes: made by `/authorize`, redeemed once at `/token` (RFC 6749 section 4.1.2, contract 2.2)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from config.digests import digest
from config.keeping import oldest_kept
from users.models.session import Session
from users.models.user import User


class CodeRefusedError(Exception):
    """The code is unknown, expired, or was made for a person about whom something changed since."""


class CodeReplayedError(CodeRefusedError):
    """The code had been redeemed before: one of the two who used it has stolen it."""


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    def keep(
        self, code: str, user: User, *, client_id: str, redirect_uri: str, scope: str, challenge: str
    ) -> AuthorizationCode:
        """Remembers a code just made for a person who has proved who they are. Only its digest is kept."""
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

    def past_keeping(self) -> AuthorizationCodeQuerySet:
        """Nobody will bring these again: `manage.py purge` deletes them."""
        return self.filter(expires_at__lt=oldest_kept())

    def of(self, code: str, client_id: str) -> AuthorizationCode | None:
        """The row of a code that this client was given, whether or not it is still good."""
        return self.select_related("user").filter(digest=digest(code), client_id=client_id).first()


class AuthorizationCode(models.Model):
    """Proof, for a minute, that a person has signed in at this client; and later the memory of who redeemed it."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    #: What was true of the person when the code was made: it is void once they are signed out everywhere.
    proof = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255)
    #: As it was sent to `/authorize`; empty if it was not.
    redirect_uri = models.CharField(max_length=2000, blank=True, default="", db_default="")
    requested_scope = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: BASE64URL(SHA-256(verifier)) (RFC 7636 section 4.2).
    challenge = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)
    #: What was made of it, and ends should the code come back.
    session = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = AuthorizationCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.client_id} · {self.user_id}"

    # --- As Authlib asks ----------------------------------------------------------------------------------------
    code_challenge_method = "S256"

    @property
    def code_challenge(self) -> str:
        return self.challenge

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.requested_scope

    # --- Using it up --------------------------------------------------------------------------------------------
    def refuse_if_void(self) -> None:
        """Raises CodeReplayedError for one that was redeemed, CodeRefusedError for one that no longer counts."""
        if self.redeemed_at is not None:
            raise CodeReplayedError
        if self.expires_at <= timezone.now() or self.proof != self.user.get_session_auth_hash():
            raise CodeRefusedError

    def end_what_it_made(self) -> None:
        """Ends the session of a code that came back (RFC 6749 section 4.1.2)."""
        session = Session.objects.filter(pk__in=AuthorizationCode.objects.filter(pk=self.pk).values("session")).first()
        if session is not None:
            session.end(gettext_noop("authorization code used twice"))
