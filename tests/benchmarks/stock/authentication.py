import json

from django.utils import timezone
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from tests.benchmarks.stock.models import Session


class SessionTokenAuthentication(JWTAuthentication):
    """The token's session must be live and its person active."""

    def get_user(self, validated_token):
        session = (
            Session.objects.select_related("user")
            .filter(
                pk=validated_token["sid"],
                client_id=validated_token["aud"],
                ended_at=None,
                expires_at__gt=timezone.now(),
                user__uuid=json.loads(validated_token["sub"])["uuid"],
                user__status="active",
            )
            .first()
        )
        if session is None:
            raise AuthenticationFailed("Invalid access token.")
        return session.user
