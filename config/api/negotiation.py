from typing import Any

from rest_framework.negotiation import BaseContentNegotiation


class OneFormat(BaseContentNegotiation):
    """A route has one format, whatever the request's headers say (contract 0.1)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if content_type in parser.media_types), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
