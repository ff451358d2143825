"""The Content-Security-Policy header (CSP level 3) of every response, by django-csp."""

from csp.constants import NONE, SELF, UNSAFE_EVAL
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.web.paths import is_api, is_page

#: Of pages: everything comes from this site, nothing is inline.
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
#: Of API responses, in case a browser displays one. Built once.
API_POLICY = build_policy({"default-src": [NONE], "base-uri": [NONE], "form-action": [NONE], "frame-ancestors": [SELF]})


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Adds `unsafe-eval` on pages, which Unfold's Alpine needs. API responses get a policy of their own."""

    def process_request(self, request: HttpRequest) -> None:
        """Makes no nonce: nothing is inline. It would refer to the request, and keep it until a garbage collection."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if is_page(request) and not report_only:
            parts.update = {"script-src": [UNSAFE_EVAL]}
        return parts

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if is_api(request) and not response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Content-Security-Policy"] = API_POLICY
            return response
        return super().process_response(request, response)
