from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer


class JSONAPIRenderer(BaseRenderer):
    """Writes a finished document."""

    media_type = "application/vnd.api+json"
    format = "jsonapi"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class PlainJSONRenderer(JSONAPIRenderer):
    """The same bytes for the routes that answer plain JSON (contract 0.1)."""

    media_type = "application/json"
    format = "json"


class AlwaysFirst(BaseContentNegotiation):
    """A route has one format, whatever the request's headers say (contract 0.1)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if content_type in parser.media_types), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
