"""Nine failures within 900 seconds lock one account for one address for 360 seconds (contract 0.4, "Throttling").

Failures in a browser with a device cookie (`users.sign_in.lockouts.device_cookies`) are counted per browser instead.

django-axes has the table, and signals failures of passwords; this handler counts. Axes' own handler has one period for
window and lockout, and every failure restarts it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_network
from math import ceil
from typing import Any
from uuid import UUID

import structlog
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessFailureLog
from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from config.audit.log import audit
from config.telemetry.signals import sign_in_blocked
from config.web.paths import is_page
from config.web.request_context import client_address
from users.models import AuditEvent, DeviceFailure
from users.sign_in.lockouts.device_cookies import known_device
from users.sign_in.lockouts.in_force import key_of, reset_paths

logger = structlog.stdlib.get_logger(__name__)


# --- Account and network ----------------------------------------------------------------------------------------
def account_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The normalized e-mail in the credentials (`key_of`), whether or not the account exists."""
    credentials = credentials or {}
    return key_of(str(credentials.get("username") or credentials.get("email") or ""))


def _network_of(request: HttpRequest) -> str | None:
    """The IPv4 address, or the /64 network of an IPv6 address: a subscriber has all addresses of one."""
    address = client_address(request)
    if address is None or ":" not in address:
        return address
    without_zone, _mark, _zone = address.partition("%")
    return str(ip_network(f"{without_zone}/64", strict=False).network_address)


# --- Counting ---------------------------------------------------------------------------------------------------
def _failures(
    request: HttpRequest, account: str, device: UUID | None, *, within_seconds: int
) -> QuerySet[AccessFailureLog]:
    """Failures of the device, or else of the network, the newest first; of password resets or of sign-ins only."""
    whose = {"devicefailure__device": device} if device else {"ip_address": _network_of(request), "devicefailure": None}
    since = timezone.now() - timedelta(seconds=within_seconds)
    failures = AccessFailureLog.objects.filter(username=account, attempt_time__gt=since, **whose)
    failures = failures.order_by("-attempt_time")
    paths = reset_paths()
    is_reset = request.path_info in paths
    return failures.filter(path_info__in=paths) if is_reset else failures.exclude(path_info__in=paths)


def blocked_seconds(request: HttpRequest, account: str) -> int:
    """How long the account is still locked for this browser or address, or 0. One query, and that of `known_device`."""
    device = known_device(request, account)
    failures = _failures(request, account, device, within_seconds=settings.SIGN_IN_BLOCK_SECONDS)
    since: datetime | None = failures.filter(locked_out=True).values_list("attempt_time", flat=True).first()
    if since is None:
        return 0
    return max(1, ceil(settings.SIGN_IN_BLOCK_SECONDS - (timezone.now() - since).total_seconds()))


def record_failure(request: HttpRequest, account: str) -> None:
    """Stores a failure. The ninth since the last lockout locks the account for this browser or address."""
    limit, device = settings.SIGN_IN_FAILURES, known_device(request, account)
    model, own = (DeviceFailure, {"device": device}) if device else (AccessFailureLog, {})
    with transaction.atomic():
        _lock_account(account)
        recent = _failures(request, account, device, within_seconds=settings.SIGN_IN_WINDOW_SECONDS)
        blocks = list(recent.values_list("locked_out", flat=True)[: limit - 1])
        model.objects.create(
            username=account,
            ip_address=_network_of(request),
            user_agent=request.headers.get("User-Agent", "")[:255],
            http_accept="",
            path_info=request.path_info[:255],
            locked_out=len(blocks) == limit - 1 and not any(blocks),
            **own,
        )


def _lock_account(account: str) -> None:
    """Serializes failures of one account until the transaction ends, so that each has its own count."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"sign-in {account}"])


def unlock(email: str) -> int:
    """Deletes the failures of all addresses and browsers that still count. Returns how many there were."""
    longest = timedelta(seconds=max(settings.SIGN_IN_WINDOW_SECONDS, settings.SIGN_IN_BLOCK_SECONDS))
    recent = AccessFailureLog.objects.filter(username=key_of(email), attempt_time__gt=timezone.now() - longest)
    return recent.delete()[1].get(AccessFailureLog._meta.label, 0)


class SlidingWindowHandler(AxesDatabaseHandler):
    """Implements axes' handler interface with the functions above."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        request.retry_after = blocked_seconds(request, account_of(request, credentials))  # type: ignore[attr-defined]
        return request.retry_after > 0  # type: ignore[attr-defined]

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
    ) -> None:
        """An attempt while the account is locked does not extend the lockout."""
        if request is not None and not is_blocked(request):
            record_failure(request, account_of(request, credentials))

    def clean_expired_user_attempts(self, request: Any = None, credentials: Any = None) -> int:
        return 0  # axes' other table is unused


# --- Log --------------------------------------------------------------------------------------------------------
def log_failure(request: HttpRequest, username: str) -> None:
    """Records a security event; of those while the account is locked only the first (`AuditEventQuerySet.has_room`)."""
    if not is_blocked(request):
        audit.warning("Failed Login", tag="failed_login", username=username)
        return
    sign_in_blocked.send(sender=log_failure)
    if AuditEvent.objects.named(email=username).has_room("sign_in_locked"):
        audit.warning("Sign-in Refused While Closed", tag="sign_in_locked", username=username)
    else:
        logger.warning("Sign-in Refused While Closed", username=username)


# --- Responses --------------------------------------------------------------------------------------------------
def is_blocked(request: HttpRequest) -> bool:
    """Whether axes has refused this request without checking its password."""
    return bool(getattr(request, "axes_locked_out", False))


def answer(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None = None) -> HttpResponse:
    """`AXES_LOCKOUT_CALLABLE`: the response to a blocked request. The API keeps its own (`users.oauth`)."""
    return page(request, getattr(request, "retry_after", 1)) if is_page(request) else response


def page(request: HttpRequest, seconds: int) -> HttpResponse:
    """429 with the time until the next attempt, in minutes."""
    context = {**admin.site.each_context(request), "title": _("Too many attempts"), "minutes": ceil(seconds / 60)}
    response = render(request, "registration/blocked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
