from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet


class ApiViewSet(ViewSet):
    """What every route of the API shares: no `OPTIONS` of its own, which `config.cors` answers."""

    http_method_names = ("get", "head", "post", "put", "patch", "delete")


class NotFoundView(APIView):
    """Every path nothing else answers: 404 `007`, whatever the method; a bad token is told first (contract 2.0)."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
