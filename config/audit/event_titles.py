"""Titles of security events. Log lines and rows have the English title; the Back Office translates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

#: Tag → title, as in the calls of `config.audit.log.audit`. A test checks that none is missing.
TITLES: dict[str, str] = {
    # Contract section 4.5
    "successful_login": gettext_noop("Successful Login"),
    "failed_login": gettext_noop("Failed Login"),
    "warehouse_user_successful_login": gettext_noop("Successful Login (Warehouse User)"),
    "warehouse_user_failed_login": gettext_noop("Failed Login (Warehouse User)"),
    "password_reset_requested": gettext_noop("Password Reset Requested"),
    "password_updated_after_reset": gettext_noop("Password Updated after Reset"),
    # Others
    "authorization_code_made": gettext_noop("Authorization Code Made"),
    "authorization_code_replayed": gettext_noop("Authorization Code Replayed"),
    "refresh_token_reused": gettext_noop("Refresh Token Reused"),
    "refresh_token_refused": gettext_noop("Refresh Token Refused"),
    "access_token_refused": gettext_noop("Access Token Refused"),
    "token_revoked": gettext_noop("Token Revoked"),
    "session_ended": gettext_noop("Session Ended"),
    "sessions_ended": gettext_noop("Sessions Ended"),
    "warehouse_grant_ended": gettext_noop("Warehouse Grant Ended"),
    "client_secret_made": gettext_noop("Client Secret Made"),
    "client_refused": gettext_noop("Client Refused"),
    "client_token_issued": gettext_noop("Provisioning Token Issued"),
    "provisioning_refused": gettext_noop("Provisioning Refused"),
    "client_refused_at_authorize": gettext_noop("Client refused at /authorize"),
    "client_removed": gettext_noop("Client Removed"),
    "signing_key_rotated": gettext_noop("Signing Key Rotated"),
    "temporary_password_set": gettext_noop("Temporary Password Set"),
    "temporary_password_not_changed": gettext_noop("Temporary Password Not Changed"),
    "temporary_password_expired": gettext_noop("Temporary Password Expired"),
    "sign_in_locked": gettext_noop("Sign-in Refused While Closed"),
    "sign_in_unlocked": gettext_noop("Sign-in Unlocked"),
    "two_factor_switched_on": gettext_noop("Two-Factor Switched On"),
    "two_factor_switched_off": gettext_noop("Two-Factor Switched Off"),
    "two_factor_reset": gettext_noop("Two-Factor Reset"),
    "company_sign_in_failed": gettext_noop("Company Sign-in Failed"),
    "company_account_linked": gettext_noop("Company Account Linked"),
    "company_account_unlinked": gettext_noop("Company Account Unlinked"),
    "company_logout": gettext_noop("Signed out by the Provider"),
    "company_logout_refused": gettext_noop("Logout Token Refused"),
    "break_glass_sign_in": gettext_noop("Break-Glass Sign-in"),
    "import_applied": gettext_noop("Import Applied"),
    "import_refused": gettext_noop("Import Refused"),
    "rows_exported": gettext_noop("Rows Exported"),
    "export_refused": gettext_noop("Export Refused"),
    "undo_refused": gettext_noop("Undo Refused"),
    "database_restored": gettext_noop("Database Restored"),
}


def title_of(tag: str, event: str) -> str:
    """The title in the active language; an unknown one is not translated."""
    return gettext(TITLES.get(tag, event))


#: Name of a detail → label.
DETAILS: dict[str, str] = {
    "by": gettext_noop("by"),
    "changed": gettext_noop("changed rows"),
    "claim": gettext_noop("claim"),
    "code": gettext_noop("code"),
    "created": gettext_noop("created rows"),
    "error": gettext_noop("error"),
    "everywhere": gettext_noop("everywhere"),
    "failures": gettext_noop("failures forgotten"),
    "kind": gettext_noop("kind"),
    "provider": gettext_noop("provider"),
    "reason": gettext_noop("reason"),
    "redirect_uri": gettext_noop("redirect address"),
    "rows": gettext_noop("rows"),
    "sessions": gettext_noop("sessions"),
    "users": gettext_noop("users"),
    "was_on": gettext_noop("was switched on"),
    "what_to_do": gettext_noop("what to do"),
    "wrong_codes": gettext_noop("wrong codes forgotten"),
}


def in_words(details: Mapping[str, Any]) -> str:
    """The details in the active language, such as `reason: signed out, by: ada@example.test`."""
    return ", ".join(f"{gettext(DETAILS.get(name, name))}: {_plain(value)}" for name, value in details.items())


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return gettext(value) if isinstance(value, str) and value else str(value)
