"""The Content-Security-Policy of every answer (CSP level 3): a page takes all from this site and nothing inline; data
takes nothing at all.
"""

from csp.constants import NONE, SELF, UNSAFE_EVAL
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.paths import is_api, is_back_office

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
#: Of answers for programs, should a browser ever show one.
DATA_DIRECTIVES: dict[str, list[str]] = {
    "default-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [SELF],
}
#: The same, as it is sent: worked out once.
DATA_POLICY = build_policy(DATA_DIRECTIVES)


class PolicyMiddleware(CSPMiddleware):
    """Sends the policy; in the Back Office, scripts may also evaluate expressions, as Unfold's Alpine must."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if is_api(request) and not response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Content-Security-Policy"] = DATA_POLICY
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if is_back_office(request):
            parts.update = {"script-src": [UNSAFE_EVAL]}
        return parts
