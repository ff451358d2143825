from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet


class ApiViewSet(ViewSet):
    """What every route of the API shares: no `OPTIONS` of its own, which `config.cors` answers."""

    http_method_names = ("get", "head", "post", "put", "patch", "delete")

    def answer(self, data: Any = None, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
        """A finished document in the media type of this route; without one, an empty body."""
        if data is None:
            empty = HttpResponse(status=status, headers=headers)
            del empty["Content-Type"]
            return empty
        media_type = self.renderer_classes[0].media_type
        return HttpResponse(orjson.dumps(data), content_type=media_type, status=status, headers=headers)


class NotFoundView(APIView):
    """Every path nothing else answers: 404 `007`, whatever the method; a bad token is told first (contract 2.0)."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
