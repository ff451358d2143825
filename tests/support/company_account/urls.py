"""The site's URLs as with a provider in the settings. Imported without one, so that `config.urls` has none of them."""

from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as site

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("", include("users.company_account.urls")), *site]
