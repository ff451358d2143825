"""The models of this app, one a file."""

from users.models.audit_event import AuditEvent
from users.models.company_account.account import CompanyAccount
from users.models.company_account.session import CompanySession, LogoutToken
from users.models.device_failure import DeviceFailure
from users.models.oauth.authorization_code import AuthorizationCode
from users.models.oauth.client import Client
from users.models.oauth.signing_key import SigningKey
from users.models.provisioning.client_role import ClientRole
from users.models.provisioning.directory_entry import DirectoryEntry
from users.models.role import PersonRight, Role, RoleRight
from users.models.saved_search import SavedSearch
from users.models.search_entry import SearchEntry
from users.models.session import Session
from users.models.totp_device import Authenticator, RecoveryCodes
from users.models.user import User

__all__ = [
    "AuditEvent",
    "Authenticator",
    "AuthorizationCode",
    "Client",
    "ClientRole",
    "CompanyAccount",
    "CompanySession",
    "DeviceFailure",
    "DirectoryEntry",
    "LogoutToken",
    "PersonRight",
    "RecoveryCodes",
    "Role",
    "RoleRight",
    "SavedSearch",
    "SearchEntry",
    "Session",
    "SigningKey",
    "User",
]
