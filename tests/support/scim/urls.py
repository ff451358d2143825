"""The site's URLs as with `SCIM_ENABLED`. Imported without it, so that `config.urls` has none of them."""

from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as site

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("", include("assignments.scim.urls")), *site]
