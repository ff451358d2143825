from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer


class JSONAPIRenderer(BaseRenderer):
    """Names the media type in which a route answers; the bytes are made by `config.views.ApiViewSet.answer`."""

    media_type = "application/vnd.api+json"
    format = "jsonapi"
    charset = None


class PlainJSONRenderer(JSONAPIRenderer):
    """The one of the routes that answer plain JSON (contract 0.1)."""

    media_type = "application/json"
    format = "json"


class AlwaysFirst(BaseContentNegotiation):
    """A route has one format, whatever the request's headers say (contract 0.1)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if content_type in parser.media_types), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
