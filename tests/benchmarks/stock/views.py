import hashlib
import json
import secrets
from datetime import timedelta

from django.core.signing import Signer
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_json_api.views import ModelViewSet
from rest_framework_simplejwt.tokens import AccessToken

from tests.benchmarks.stock.models import Assignment, Grant, User
from tests.benchmarks.stock.serializers import AssignmentSerializer


class AssignmentViewSet(ModelViewSet):
    queryset = Assignment.objects.all()
    serializer_class = AssignmentSerializer
    lookup_field = "uuid"
    select_for_includes = {"__all__": ["user", "warehouse"]}
    filterset_fields = {
        "uuid": ("exact", "in"),
        "user__uuid": ("exact", "in"),
        "warehouse__uuid": ("exact", "in"),
        "is_active": ("exact",),
    }
    ordering_fields = ["is_active", "created_at", "updated_at", "warehouse__name"]

    def get_queryset(self):
        rows = super().get_queryset()
        return rows.filter(user=self.request.user) if self.request.user.is_warehouse_user else rows

    def perform_update(self, serializer):
        """At most one is active: the person is locked, the others are cleared, and then this one is set."""
        assignment = serializer.instance
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=assignment.user_id)
            if serializer.validated_data["is_active"]:
                others = Assignment.objects.filter(user=assignment.user_id, is_active=True).exclude(pk=assignment.pk)
                others.update(is_active=False, updated_at=timezone.now())
                assignment.activation = F("activation") + 1
            serializer.save()


class WarehouseTokenView(APIView):
    renderer_classes = [JSONRenderer]

    def post(self, request):
        place = (
            Assignment.objects.select_related("warehouse", "user")
            .filter(user=request.user, is_active=True, warehouse__is_active=True, user__is_warehouse_user=True)
            .first()
        )
        if place is None:
            raise PermissionDenied
        secret = secrets.token_hex(32)
        grant = Grant.objects.create(
            session_id=request.auth["sid"],
            assignment=place,
            activation=place.activation,
            refresh_digest=hashlib.sha256(secret.encode()).hexdigest(),
            expires_at=timezone.now() + timedelta(days=31),
        )
        lifetime = timedelta(days=7)
        token = AccessToken()
        token.set_exp(lifetime=lifetime)
        token.payload = {
            "exp": token["exp"],
            "iat": token["iat"],
            "jti": grant.id.hex + secrets.token_hex(24),
            "nbf": token["iat"],
            "sub": json.dumps({"id_warehouse": place.warehouse_id}),
            "aud": request.auth["aud"],
            "sid": request.auth["sid"],
            "act": str(place.user.uuid),
            "assignment": str(place.uuid),
            "warehouse": str(place.warehouse.uuid),
            "scopes": ["warehouse"],
        }
        answer = {
            "tokenType": "Bearer",
            "expiresIn": int(lifetime.total_seconds()),
            "accessToken": str(token),
            "refreshToken": Signer(sep=".", salt="refresh-token").sign(f"warehouse.{grant.id.hex}.{secret}"),
        }
        return Response([answer], status=201)
