"""Password validators besides Django's (`AUTH_PASSWORD_VALIDATORS`)."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext as _

from config.text import normal_password

#: Contract section 5.2.
_MAX_CHARACTERS = 128


class LeastLength(MinimumLengthValidator):
    """Counts consecutive spaces as one (OWASP ASVS 2.1.1)."""

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(re.sub(r"\s+", " ", normal_password(password)), user)


class LengthLimit:
    """Refuses passwords whose hashing would cost too much; never truncates them."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        MaxLengthValidator(_MAX_CHARACTERS)(normal_password(password))

    def get_help_text(self) -> str:
        return _("Your password can have at most %(most)d characters.") % {"most": _MAX_CHARACTERS}
