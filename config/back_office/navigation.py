"""The Back Office's appearance and navigation (the setting `UNFOLD`). Entries are shown by permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.web.paths import BACK_OFFICE

#: Parts of URLs below the lists that have an entry of their own.
_OWN_ENTRIES = ("/import/", "/roster/")


def _is_active(url: Any) -> Callable[[HttpRequest], bool]:
    def is_active(request: HttpRequest) -> bool:
        entry, page = str(url), request.path
        for part in _OWN_ENTRIES:
            if part in page:
                return entry.endswith(part)
        return page == entry if entry.endswith(BACK_OFFICE) else page.startswith(entry)

    return is_active


def _entry(title: Any, icon: str, link: str, *permissions: str) -> dict[str, Any]:
    """An entry for everyone, or for people with any of the permissions."""
    url = reverse_lazy(link)
    entry = {"title": title, "icon": icon, "link": url, "active": _is_active(url)}
    if permissions:
        entry["permission"] = lambda request: any(map(request.user.may_somewhere, permissions))
    return entry


def _list_entry(title: Any, icon: str, model: str) -> dict[str, Any]:
    """The list of a model, such as `users_user`, for people who may view it."""
    app, name = model.split("_")
    return _entry(title, icon, f"admin:{model}_changelist", f"{app}.view_{name}")


def _file(name: str) -> Callable[[HttpRequest], str]:
    """The URL of a static file, which is known once the files are collected."""
    return lambda request: static(f"config/{name}")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Back Office"),
    "SITE_HEADER": _("Back Office"),
    "SITE_SUBHEADER": _("Warehouse users"),
    "SITE_SYMBOL": "warehouse",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "assignments.admin.dashboard.dashboard",
    "ACCOUNT": {
        "navigation": [
            {"title": _("Your account"), "link": reverse_lazy("account")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-factor sign-in"), "link": reverse_lazy("admin_two_factor")},
        ]
    },
    # The palette is a file, since the Content-Security-Policy forbids inline styles (`config.web.csp`).
    "STYLES": [_file(name) for name in ("palette.css", "frame.css", "print.css")],
    "SCRIPTS": [_file(name) for name in ("policy.js", "kept_form.js", "emails.js", "keys.js")],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("icon.svg")}],
    "SIDEBAR": {
        "navigation": [
            {
                "title": None,
                "items": [
                    _entry(_("Dashboard"), "dashboard", "admin:index"),
                    _entry(_("Saved searches"), "saved_search", "admin_saved_searches"),
                ],
            },
            {
                "title": _("People"),
                "items": [
                    _list_entry(_("Users"), "group", "users_user"),
                    _list_entry(_("Sessions"), "devices", "users_session"),
                    _list_entry(_("Clients"), "apps", "users_client"),
                    _list_entry(_("Roles"), "shield_person", "auth_group"),
                ],
            },
            {
                "title": _("Work"),
                "items": [
                    _list_entry(_("Warehouses"), "warehouse", "warehouses_warehouse"),
                    _list_entry(_("Assignments"), "assignment_ind", "assignments_warehouseuserassignment"),
                    _entry(
                        _("Roster"),
                        "event_note",
                        "admin:assignments_roster",
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
                    _list_entry(_("Security events"), "policy", "users_auditevent"),
                    _entry(_("Imports"), "upload_file", "admin:spreadsheets_import_changelist")
                    | {"permission": "config.spreadsheets.admin.may_import"},
                ],
            },
        ],
    },
}
