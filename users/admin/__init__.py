"""People, their sessions and security events in the Back Office."""

from users.admin.audit import AuditEventAdmin
from users.admin.session import SessionAdmin
from users.admin.user import UserAdmin

__all__ = ["AuditEventAdmin", "SessionAdmin", "UserAdmin"]
