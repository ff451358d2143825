"""The routes of the OpenID AuthZEN Authorization API 1.0, for programs that ask without a token of the person."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from authlib.consts import default_json_headers
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from assignments.access import schema
from assignments.access.evaluation import evaluate, evaluate_all
from config.web.request_context import request_id
from users.oauth.errors import UnreadableBodyError
from users.oauth.server import address_of, server
from users.views import OAuthViewSet


class AccessViewSet(OAuthViewSet):
    """For confidential clients, which prove themselves in the header as at `/introspect`."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Sends back the client's `X-Request-ID` (AuthZEN section 10.1.3), or else the id that the log has.

        Of other octets than ASCII a field may have, RFC 9110 section 5.5 says that they have no meaning, and the server
        drops such a field before it is seen here.
        """
        response = super().finalize_response(request, response, *args, **kwargs)
        sent = request.headers.get("X-Request-ID", "")
        is_text = sent and sent.isascii() and sent.isprintable()
        response["X-Request-ID"] = sent if is_text else request_id(request)
        return response

    def answer(self, request: Request, evaluated: Callable[..., dict[str, Any]]) -> HttpResponse:
        client = server.client_in_header(request)
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnreadableBodyError("The body must be sent as application/json.")
        body = evaluated(request.body, with_reasons=client.reads_reasons)
        return server.handle_response(HTTPStatus.OK, body, default_json_headers)


class EvaluationView(AccessViewSet):
    """`POST /access/v1/evaluation`: whether a person may work in a warehouse now."""

    @schema.EVALUATION
    def create(self, request: Request) -> HttpResponse:
        return self.answer(request, evaluate)


class EvaluationsView(AccessViewSet):
    """`POST /access/v1/evaluations`: the same of many at once."""

    @schema.EVALUATIONS
    def create(self, request: Request) -> HttpResponse:
        return self.answer(request, evaluate_all)


class ConfigurationView(OAuthViewSet):
    """`GET /.well-known/authzen-configuration`: where these routes are (AuthZEN section 9)."""

    @schema.CONFIGURATION
    def retrieve(self, request: Request) -> Response:
        document = {
            "policy_decision_point": settings.ISSUER,
            "access_evaluation_endpoint": address_of("access/v1/evaluation"),
            "access_evaluations_endpoint": address_of("access/v1/evaluations"),
        }
        return Response(document, headers={"Cache-Control": "public, max-age=300"})
