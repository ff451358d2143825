"""`GET /schema`: the OpenAPI document (`config.api.schema.components`), built once in each process."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def _written(renderer: Any) -> tuple[bytes, str]:
    """The document in one format, and its entity tag (RFC 9110 section 8.8.3)."""
    content = renderer().render(_document(), renderer.media_type, {})
    return content, f'"{hashlib.sha256(content).hexdigest()}"'


@method_decorator(conditional_page, name="dispatch")
class SchemaView(SpectacularAPIView):
    """As YAML or JSON, with ETag and 304 (Not Modified)."""

    content_negotiation_class = DefaultContentNegotiation
    http_method_names = ("get", "head")  # `config.web.cors` answers OPTIONS

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        kind: Any = type(renderer)
        content, etag = _written(kind)
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        headers = {
            "ETag": etag,
            "Cache-Control": "public, no-cache",  # caches must revalidate it
            "Content-Disposition": f'inline; filename="{settings.SPECTACULAR_SETTINGS["TITLE"]}.{renderer.format}"',
        }
        return HttpResponse(content, content_type=f"{renderer.media_type}{charset}", headers=headers)
