"""People, roles, sessions, OAuth clients and security events in the Back Office."""

from users.admin.audit import AuditEventAdmin
from users.admin.client import ClientAdmin
from users.admin.role import RoleAdmin
from users.admin.session import SessionAdmin
from users.admin.user.admin import UserAdmin

__all__ = ["AuditEventAdmin", "ClientAdmin", "RoleAdmin", "SessionAdmin", "UserAdmin"]
