from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet
from django.utils.functional import cached_property
from rest_framework.request import Request
from rest_framework.response import Response

from assignments import errors, schema
from assignments.filters import AssignmentFilterSet, PastAssignmentFilterSet
from assignments.models import PastAssignment, WarehouseUserAssignment
from assignments.models.past_assignment import history_span, recall_deleted
from assignments.serializers import AssignmentSerializer
from assignments.tokens.issuing import issue
from config.api.errors import ApiError
from config.api.filters import NOT_A_MOMENT
from config.api.query import bad_parameter
from config.api.renderers import PlainJSONRenderer
from config.api.serializers import format_moment, parse_moment
from config.api.views import ApiViewSet, ModelViewSet
from config.identifiers import parse_uuid
from users.oauth.tokens import AccessToken, Scope

_TYPE = AssignmentSerializer.Meta.resource_name
_AS_OF = f"{_TYPE}.asOf"
IN_THE_FUTURE = "The moment must not be in the future."
BEFORE_THE_HISTORY = "The history begins at %s: what was before is not known."
NOT_WITH_AS_OF = f"`sort` cannot be used with `filter[{_AS_OF}]`: its order is that of assigning."
#: Action → the right that a confined caller needs for the row. The API asks others for none (contract section 2.5).
_RIGHTS = {
    "partial_update": "assignments.change_warehouseuserassignment",
    "destroy": "assignments.delete_warehouseuserassignment",
}


@schema.ASSIGNMENTS
class AssignmentViewSet(ModelViewSet):
    """`/warehouse-user-assignments` (contract sections 2.4 to 2.8)."""

    serializer_class = AssignmentSerializer
    ordering_fields = schema.ORDERING_FIELDS
    rights = {
        Scope.BACK_OFFICE_USER: {"list", "retrieve", "create", "partial_update", "destroy"},
        Scope.WAREHOUSE_USER: {"list", "retrieve", "partial_update"},
    }
    missing = errors.NOT_FOUND

    @property
    def filterset_class(self) -> Any:
        return AssignmentFilterSet if self.as_of is None else PastAssignmentFilterSet

    def get_queryset(self) -> QuerySet[Any]:
        """A warehouse user's list has only what is current, unless the filter asks for others (contract 0.5)."""
        if self.as_of is not None:
            rows = PastAssignment.objects.at(self.as_of).visible_to(self.caller)
            return rows.with_is_user_seen(self.caller).with_shown_columns()
        rows = WarehouseUserAssignment.objects.visible_to(self.caller)
        if not self.caller.acts_for_others and f"{_TYPE}.current" not in self.query.members("filter"):
            rows = rows.current()
        return rows.with_shown_columns("created_at", "updated_at").with_sort_values()

    @cached_property
    def as_of(self) -> datetime | None:
        """The moment of which the list tells, or None for now.

        Raises ApiError with FORBIDDEN for a warehouse user, or 400 for a moment of which nothing can be told.
        """
        text = self.query.members("filter").get(_AS_OF) if self.action == "list" else None
        if text is None:
            return None
        if not self.caller.acts_for_others:
            raise ApiError(errors.FORBIDDEN)
        if self.query.names("sort"):
            raise bad_parameter("sort", NOT_WITH_AS_OF)
        return _known_moment(text)

    def get_visible(self, uuid: str) -> WarehouseUserAssignment | None:
        return WarehouseUserAssignment.objects.one_visible_to(self.caller, parse_uuid(uuid))

    def get_object(self) -> WarehouseUserAssignment:
        """Raises ApiError with FORBIDDEN for a change of another person's row in an app session (contract 0.5).

        And for a change by a confined caller without the right to it.
        """
        assignment: WarehouseUserAssignment = super().get_object()
        if self.caller.is_confined and self.action in _RIGHTS and not self.caller.may(_RIGHTS[self.action], assignment):
            raise ApiError(errors.FORBIDDEN)
        moves_another = self.action == "partial_update" and assignment.user_id != self.caller.pk
        if moves_another and cast(AccessToken, self.request.auth).session.is_app_session:
            raise ApiError(errors.FORBIDDEN)
        return assignment

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The most frequent query, the first page without parameters, is compiled once."""
        paginator = self.paginator
        limit = paginator.first_page_limit(self.query)
        if limit is None:
            return super().list(request, *args, **kwargs)
        found = WarehouseUserAssignment.objects.first_visible_to(self.caller, limit + 1)
        page = paginator.first_page(found, limit, self)
        return paginator.get_paginated_response(self.get_serializer(page, many=True).data)

    def paginate_queryset(self, queryset: QuerySet[Any]) -> Any:
        page = super().paginate_queryset(queryset)
        if self.as_of is not None:
            recall_deleted(page)
        return page

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Raises NOT_FOUND for a warehouse user who names another one (contract section 2.6, no. 1)."""
        sent: Any = request.data
        user_uuid = sent.get("user_uuid")
        names_another = isinstance(user_uuid, str) and user_uuid.lower() != str(self.caller.uuid)
        if names_another and not self.caller.acts_for_others:
            raise ApiError(errors.NOT_FOUND)
        return super().create(request, *args, **kwargs)

    def perform_destroy(self, instance: WarehouseUserAssignment) -> None:
        instance.deassign()


def _known_moment(text: str) -> datetime:
    moment, (began_at, now) = parse_moment(text), history_span()
    if moment is None:
        raise bad_parameter(f"filter[{_AS_OF}]", NOT_A_MOMENT)
    if moment > now:
        raise bad_parameter(f"filter[{_AS_OF}]", IN_THE_FUTURE)
    if began_at is not None and moment < began_at:
        raise bad_parameter(f"filter[{_AS_OF}]", BEFORE_THE_HISTORY % format_moment(began_at))
    return moment


class WarehouseTokenView(ApiViewSet):
    """`POST /warehouse-tokens` (contract section 2.3). The body is not read."""

    error_shape = "plain"
    renderer_classes = (PlainJSONRenderer,)
    rights = {Scope.BACK_OFFICE_USER: {"create"}, Scope.WAREHOUSE_USER: {"create"}}

    @schema.WAREHOUSE_TOKENS
    def create(self, request: Request) -> Response:
        token, refresh_token = issue(cast(AccessToken, request.auth).session)
        answer: dict[str, Any] = {
            "tokenType": "Bearer",
            "expiresIn": token.seconds_left,
            "accessToken": str(token),
            "refreshToken": refresh_token,
        }
        return Response([answer], status=201, headers={"Cache-Control": "no-store"})
