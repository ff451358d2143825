"""Starts sessions, for a password or an authorization code."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from config.web.request_context import client_address
from users.models import AuthorizationCode, Client, Session, User
from users.models.oauth.authorization_code import CodeRefusedError, CodeReplayedError


def start_session(
    user: User, *, client_id: str, requested_scope: str, request: HttpRequest, is_app_session: bool = False
) -> tuple[Session, str] | None:
    """A new session of an authenticated person, with its first refresh token.

    None if the person was blocked or signed out everywhere, or the client removed, since the authentication: whatever
    ended their sessions must not miss this one.
    """
    with transaction.atomic():
        person = User.objects.locked().get(pk=user.pk)
        if person.get_session_auth_hash() != user.get_session_auth_hash() or not person.is_active:
            return None
        if not Client.objects.lock(client_id):
            return None
        session = Session(
            user=person,
            client_id=client_id,
            requested_scope=requested_scope,
            is_app_session=is_app_session,
            address=client_address(request),
            user_agent=request.headers.get("User-Agent", "")[:255],
            expires_at=timezone.now() + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
        )
        token = session.first_refresh_token()
        session.save(force_insert=True)
        User.objects.filter(pk=person.pk).update(last_login=session.created_at)
    return session, token


def redeem(code: AuthorizationCode, client: Client, request: HttpRequest) -> tuple[Session, str]:
    """Redeems a code of this client: a new session, with its first refresh token.

    Raises CodeReplayedError if it was redeemed before, and CodeRefusedError if the person may no longer sign in.
    """
    with transaction.atomic():
        mine = AuthorizationCode.objects.filter(pk=code.pk, redeemed_at=None)
        if not mine.update(redeemed_at=timezone.now()):
            raise CodeReplayedError
        started = start_session(
            code.user,
            client_id=client.client_id,
            requested_scope=code.requested_scope,
            request=request,
            is_app_session=not client.is_confidential,
        )
        if started is None:
            raise CodeRefusedError
        AuthorizationCode.objects.filter(pk=code.pk).update(session=started[0])
    return started
