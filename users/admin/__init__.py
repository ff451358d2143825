"""People and their sessions in the Back Office."""

from users.admin.session import SessionAdmin
from users.admin.user import UserAdmin

__all__ = ["SessionAdmin", "UserAdmin"]
