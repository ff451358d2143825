"""The WSGI application, as granian loads it."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.database import timeouts
from config.server.proxies import ForwardedHeaders, PathPrefix
from config.server.wsgi_middleware import Application, RequestIsolation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

timeouts.use_request_limits()
_site: Application = get_wsgi_application()
if settings.PATH_PREFIX:
    _site = PathPrefix(_site, settings.PATH_PREFIX)
if settings.TRUSTED_PROXIES:
    _site = ForwardedHeaders(_site, settings.TRUSTED_PROXIES, settings.FORWARDED_HEADER)
application = RequestIsolation(_site)

import_module(settings.ROOT_URLCONF)  # Django would load it during the first request

# The loaded code lives as long as the process: garbage collection need not traverse it.
gc.freeze()
