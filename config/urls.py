"""The site map."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.views import NotFoundView

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("users.urls")),
    path("", include("warehouses.urls")),
    path("", include("assignments.urls")),
    re_path(r"", NotFoundView.as_view()),
]

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"
