"""Views of the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.utils.functional import cached_property
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from rest_framework_json_api import views

from config.api.errors import ApiError
from config.api.filters import DjangoFilterBackend, OrderingFilter, QueryParameterValidationFilter
from config.api.pagination import CursorPagination
from config.api.query import Query
from config.api.serializers import ListReader, ModelSerializer
from config.identifiers import parse_uuid
from config.rule_errors import RuleViolation

#: `OPTIONS` is answered by `config.web.cors`.
_METHODS = ("get", "head", "post", "put", "patch", "delete")


class RenderedMixin:
    """Renders at once, and leaves no reference cycle: request and body are freed without a garbage collection."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, Response):
            response.render()
            vars(response).update(renderer_context={}, data=None)
        request.parser_context.clear()
        vars(self).clear()  # nobody reads it again
        return response


class RoutedMixin(RenderedMixin):
    """A view of a router, whose routes say which methods it has."""

    http_method_names: Any = _METHODS
    action_map: dict[str, str]
    request: Any

    @property
    def allowed_methods(self) -> list[str]:
        """Those of the route, for the header `Allow`."""
        return [method.upper() for method in _METHODS if method in self.action_map]

    @cached_property
    def base(self) -> str:
        """Scheme and host of the request, and the path under which the site is served."""
        return f"{self.request.scheme}://{self.request.get_host()}{settings.PATH_PREFIX}"


class ApiViewSet(RoutedMixin, ViewSet):
    """A route that is not a JSON:API resource."""


class ResourceMixin(RoutedMixin):
    """A JSON:API resource. `get_queryset` returns the rows that the caller may see; others are answered as missing."""

    serializer_class: ClassVar[type[ModelSerializer]]
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    filterset_class: ClassVar[Any] = None
    #: Sort fields: wire name → path in the terms of `order_by`.
    ordering_fields: ClassVar[dict[str, str]] = {}
    pagination_class = CursorPagination
    #: The answer for a row that does not exist or is not visible.
    missing: ClassVar[RuleViolation]

    action: str | None
    kwargs: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Validates the query before anything is read or written."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self.action is not None:
            QueryParameterValidationFilter().filter_queryset(request, None, self)

    def get_serializer_context(self) -> dict[str, Any]:
        """Without the request, so that serializers do not validate the query again."""
        return {"view": self}

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """For lists, a reader: the library's serializers also validate input, and are costly to construct."""
        if kwargs.get("many"):
            return ListReader(self.serializer_class, *args, chosen=self.query.fields)
        return super().get_serializer(*args, **kwargs)  # type: ignore[misc]

    def get_object(self) -> Any:
        """The visible row with this id. Raises ApiError with `missing`."""
        row = self.get_visible(self.kwargs["uuid"])
        if row is None:
            raise ApiError(self.missing)
        return row

    def get_visible(self, uuid: str) -> Any:
        """The row with this id, or None."""
        return self.get_queryset().filter(uuid=parse_uuid(uuid)).first()  # type: ignore[attr-defined]

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """The URL of the new row, without the query (contract 0.1)."""
        return {"Location": f"{self.base}/{self.serializer_class.Meta.resource_name}/{data.serializer.instance.uuid}"}

    @cached_property
    def query(self) -> Query:
        return Query(self.request.META.get("QUERY_STRING", ""))

    @property
    def caller(self) -> Any:
        """The authenticated person."""
        return self.request.user


class ReadOnlyModelViewSet(ResourceMixin, views.ReadOnlyModelViewSet):
    """A resource that can be listed and read."""


class ModelViewSet(ResourceMixin, views.ModelViewSet):
    """A writable resource. Its serializer calls the model's write methods."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with _confirmed(self.caller):
            return super().create(request, *args, **kwargs)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with _confirmed(self.caller):
            return super().partial_update(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with _confirmed(self.caller):
            return super().destroy(request, *args, **kwargs)


@contextmanager
def _confirmed(caller: Any) -> Iterator[None]:
    """For a confined caller, one transaction, which ends with `User.confirm_authority`. Costs others nothing."""
    if not caller.is_confined:
        yield
        return
    with transaction.atomic():
        yield
        caller.confirm_authority()


class NotFoundView(RenderedMixin, APIView):
    """All other paths: 404 `007` for every method, or 401 for an invalid token (contract 2.0)."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
