"""The site map."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.api.health import LiveView, ReadyView, database_takes_changes, migrations_are_applied
from config.api.schema_view import SchemaView
from config.api.views import NotFoundView
from config.paths import BACK_OFFICE
from config.urlpatterns import route
from users.oauth.key_ring import key_ring

#: What must hold before the site can serve, in this order.
READY = {"checks": (database_takes_changes, migrations_are_applied, key_ring.read)}

urlpatterns = [
    path("", include("assignments.urls")),  # asked for most, so looked at first
    path("", csrf_exempt(RedirectView.as_view(url=BACK_OFFICE)), name="home"),
    path("admin", RedirectView.as_view(url=BACK_OFFICE), name="home"),
    path("admin/", include("users.sign_in.urls")),
    path("admin/", admin.site.urls),
    route("schema", SchemaView.as_view()),
    route("docs", SpectacularSwaggerSplitView.as_view(template_name="docs.html", http_method_names=["get", "head"])),
    path("", include("users.urls")),
    path("", include("warehouses.urls")),
    route("health/live", LiveView.as_view({"get": "retrieve"})),
    route("health/ready", ReadyView.as_view({"get": "retrieve"}, **READY)),
    re_path(r"", NotFoundView.as_view()),
]

# Outside the Back Office, which has pages of its own, every error is JSON.
handler400 = "config.api.errors.bad_request"
handler404 = "config.api.errors.not_found"
handler500 = "config.api.errors.server_error"
