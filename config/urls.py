"""The site's URLs."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.api.health import LiveView, ReadyView, database_takes_changes, migrations_are_applied
from config.api.schema.document import SchemaView
from config.api.urlpatterns import route
from config.api.views import NotFoundView
from users.oauth.key_ring import key_ring

#: The readiness checks, in this order.
READY = {"checks": (database_takes_changes, migrations_are_applied, key_ring.read)}

urlpatterns = [
    path("", include("assignments.urls")),  # first, since most requests are for it
    path("", csrf_exempt(RedirectView.as_view(pattern_name="admin:index")), name="home"),
    path("admin", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("account", RedirectView.as_view(pattern_name="account"), name="home"),
    path("account/", include("users.account.urls")),
    path("admin/", include("users.sign_in.urls")),
    *([path("", include("users.company_account.urls"))] if settings.OIDC_PROVIDERS else []),
    *([path("", include("assignments.scim.urls"))] if settings.SCIM_ENABLED else []),
    path("admin/", admin.site.urls),
    route("schema", SchemaView.as_view()),
    route("docs", SpectacularSwaggerSplitView.as_view(template_name="docs.html", http_method_names=["get", "head"])),
    path("", include("users.urls")),
    path("", include("warehouses.urls")),
    route("health/live", LiveView.as_view({"get": "retrieve"})),
    route("health/ready", ReadyView.as_view({"get": "retrieve"}, **READY)),
    re_path(r"", NotFoundView.as_view()),
]

# HTML in the Back Office, JSON elsewhere.
handler400 = "config.api.errors.bad_request"
handler403 = "config.back_office.error_pages.forbidden"
handler404 = "config.api.errors.not_found"
handler500 = "config.api.errors.server_error"
