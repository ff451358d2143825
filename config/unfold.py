"""How the Back Office looks and what its menu offers. Each entry shows to those who may open it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.paths import BACK_OFFICE


def _may(*permissions: str) -> Callable[[HttpRequest], bool]:
    """Whether the person has any of these permissions."""
    return lambda request: any(request.user.has_perm(permission) for permission in permissions)


def _is_in(address: Any) -> Callable[[HttpRequest], bool]:
    """Whether a page belongs to an entry. The imports stand below the lists, but have entries of their own."""

    def is_in(request: HttpRequest) -> bool:
        entry, page = str(address), request.path
        if entry.endswith((BACK_OFFICE, "/import/")) or "/import/" in page:
            return page.startswith(entry) if entry.endswith("/import/") else page == entry
        return page.startswith(entry)

    return is_in


def _entry(title: Any, icon: str, link: str, *permissions: str) -> dict[str, Any]:
    address = reverse_lazy(link)
    entry = {"title": title, "icon": icon, "link": address, "active": _is_in(address)}
    return entry | ({"permission": _may(*permissions)} if permissions else {})


def _import_entry(title: Any, model: str, *also: str) -> dict[str, Any]:
    """An import creates as well as changes; `also` are further permissions that it needs."""
    app, name = model.split("_")
    needed = (f"{app}.add_{name}", f"{app}.change_{name}", *also)
    return _entry(title, "upload_file", f"admin:{model}_import_sheet") | {
        "permission": lambda request: request.user.has_perms(needed)
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Back Office"),
    "SITE_HEADER": _("Back Office"),
    "SITE_SUBHEADER": _("Warehouse users"),
    "SITE_SYMBOL": "warehouse",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "SHOW_BACK_BUTTON": False,
    "DASHBOARD_CALLBACK": "assignments.dashboard.dashboard",
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-factor sign-in"), "link": reverse_lazy("admin_two_factor")},
        ]
    },
    # The palette is in config/static/config/palette.css: a page of its own may carry no style (`config.policy`).
    "STYLES": [lambda request: static("config/palette.css"), lambda request: static("config/frame.css")],
    "SCRIPTS": [lambda request: static("config/policy.js")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("config/icon.svg")},
    ],
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
                    _entry(_("Clients"), "apps", "admin:users_client_changelist", "users.view_client"),
                    _entry(_("Roles"), "shield_person", "admin:auth_group_changelist", "auth.view_group"),
                ],
            },
            {
                "title": _("Work"),
                "items": [
                    _entry(
                        _("Warehouses"),
                        "warehouse",
                        "admin:warehouses_warehouse_changelist",
                        "warehouses.view_warehouse",
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
                    _entry(
                        _("Security events"), "policy", "admin:users_auditevent_changelist", "users.view_auditevent"
                    ),
                    _import_entry(_("Import users"), "users_user"),
                    _import_entry(_("Import assignments"), "assignments_warehouseuserassignment", "users.view_user"),
                ],
            },
        ],
    },
}
