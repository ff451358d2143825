"""How the Back Office looks and what its menu offers. Each entry shows to those who may open it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may(*permissions: str) -> Callable[[HttpRequest], bool]:
    """Whether the person has any of these permissions."""
    return lambda request: any(request.user.has_perm(permission) for permission in permissions)


def _entry(title: Any, icon: str, link: str, *permissions: str) -> dict[str, Any]:
    entry = {"title": title, "icon": icon, "link": reverse_lazy(link)}
    return entry | ({"permission": _may(*permissions)} if permissions else {})


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Back Office"),
    "SITE_HEADER": _("Back Office"),
    "SITE_SUBHEADER": _("Warehouse users and where they work"),
    "SITE_SYMBOL": "warehouse",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "SHOW_BACK_BUTTON": False,
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-factor sign-in"), "link": reverse_lazy("admin_two_factor")},
        ]
    },
    # Tailwind's blue: white on 600 and 600 on white both have a contrast of more than 5 to 1, 500 on 900 more than 4.5.
    "COLORS": {
        "primary": {
            "50": "#eff6ff",
            "100": "#dbeafe",
            "200": "#bfdbfe",
            "300": "#93c5fd",
            "400": "#60a5fa",
            "500": "#60a5fa",
            "600": "#2563eb",
            "700": "#1d4ed8",
            "800": "#1e40af",
            "900": "#1e3a8a",
            "950": "#172554",
        },
        "font": {
            "subtle-light": "var(--color-base-600)",
            "subtle-dark": "var(--color-base-300)",
            "default-light": "var(--color-base-700)",
            "default-dark": "var(--color-base-200)",
            "important-light": "var(--color-base-900)",
            "important-dark": "var(--color-base-100)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": None,
                "items": [_entry(_("Dashboard"), "dashboard", "admin:index")],
            },
            {
                "title": _("People"),
                "items": [
                    _entry(_("Users"), "group", "admin:users_user_changelist", "users.view_user"),
                    _entry(_("Sessions"), "devices", "admin:users_session_changelist", "users.view_session"),
                    _entry(_("Roles"), "shield_person", "admin:auth_group_changelist", "auth.view_group"),
                ],
            },
            {
                "title": _("Work"),
                "items": [
                    _entry(
                        _("Warehouses"), "warehouse", "admin:warehouses_warehouse_changelist", "warehouses.view_warehouse"
                    ),
                    _entry(
                        _("Assignments"),
                        "assignment_ind",
                        "admin:assignments_warehouseuserassignment_changelist",
                        "assignments.view_warehouseuserassignment",
                    ),
                ],
            },
            {
                "title": _("Records"),
                "items": [
                    _entry(
                        _("History"),
                        "history",
                        "admin:history",
                        "users.view_user",
                        "warehouses.view_warehouse",
                        "assignments.view_warehouseuserassignment",
                    ),
                ],
            },
        ],
    },
}
