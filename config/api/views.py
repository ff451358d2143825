"""Views of the API."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

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
    """Renders at once, and lets go of the view: a circle of both would wait for the garbage collector."""

    http_method_names: Any = _METHODS
    action_map: dict[str, str]

    @property
    def allowed_methods(self) -> list[str]:
        """Those of the route, for the header `Allow`."""
        return [method.upper() for method in _METHODS if method in self.action_map]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, Response):
            response.render()
            vars(response).update(renderer_context={}, data=None)
        return response


class ApiViewSet(RenderedMixin, ViewSet):
    """Routes that are no JSON:API resource."""


class ResourceMixin(RenderedMixin):
    """A JSON:API resource. `get_queryset` returns the rows that the caller may see: others are answered as missing."""

    serializer_class: ClassVar[type[ModelSerializer]]
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    filterset_class: ClassVar[Any] = None
    #: Sort fields as Django spells them.
    ordering_fields: ClassVar[tuple[str, ...]] = ()
    pagination_class = CursorPagination
    #: The answer for a row that is not there or not visible.
    missing: ClassVar[RuleViolation]

    request: Request
    action: str | None
    kwargs: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """What the query asks for and is not there is refused before anything is read or written."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self.action is not None:
            QueryParameterValidationFilter().filter_queryset(request, None, self)

    def get_serializer_context(self) -> dict[str, Any]:
        """Without the request: its query was validated once, by `initial`, and need not be by each serializer."""
        return {"view": self}

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Of a list, what reads it: the library's serializers are forms, too, and costly to make."""
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
        """Where the new row is found, without the query (contract 0.1)."""
        return {"Location": f"{self.base}/{self.serializer_class.Meta.resource_name}/{data.serializer.instance.uuid}"}

    @cached_property
    def query(self) -> Query:
        return Query(self.request.META.get("QUERY_STRING", ""))

    @cached_property
    def base(self) -> str:
        """Scheme and host as the client wrote them."""
        return f"{self.request.scheme}://{self.request.get_host()}"

    @property
    def caller(self) -> Any:
        """The person calling; permissions have made sure that there is one."""
        return self.request.user


class ReadOnlyModelViewSet(ResourceMixin, views.ReadOnlyModelViewSet):
    """A resource that can be listed and read."""


class ModelViewSet(ResourceMixin, views.ModelViewSet):
    """A resource that can be written, too. Its serializer calls the model's write methods."""


class NotFoundView(APIView):
    """Every path nothing else answers: 404 `007`, whatever the method; a bad token is told first (contract 2.0)."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
