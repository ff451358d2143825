"""The Content-Security-Policy of every answer (CSP level 3): all from this site, nothing inline."""

from csp.constants import NONE, SELF, UNSAFE_EVAL
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

DIRECTIVES: dict[str, list[str]] = {
    "default-src": [SELF],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [SELF],
}


class PolicyMiddleware(CSPMiddleware):
    """Sends the policy; in the Back Office, scripts may also evaluate expressions, as Unfold's Alpine must."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith("/admin/"):
            response._csp_update = {"script-src": [UNSAFE_EVAL]}  # type: ignore[attr-defined]
        return super().process_response(request, response)
