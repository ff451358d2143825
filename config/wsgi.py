"""The WSGI application, as granian loads it."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from config.database import timeouts
from config.web.wsgi_middleware import Application, RequestIsolation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

timeouts.use_request_limits()
_site: Application = get_wsgi_application()
if settings.TRUSTED_PROXIES:
    _site = wrap_wsgi_with_proxy_headers(_site, trusted_hosts=settings.TRUSTED_PROXIES)
application = RequestIsolation(_site)

# The loaded code lives as long as the process: garbage collection need not traverse it.
gc.freeze()
