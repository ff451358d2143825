"""Rules of passwords that Django does not bring along (`AUTH_PASSWORD_VALIDATORS`)."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext as _

#: Contract section 5.2.
_MAX_CHARACTERS = 128


class LeastLength(MinimumLengthValidator):
    """Blanks in a row count once: they are quickly typed and quickly guessed (OWASP ASVS 2.1.1)."""

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(re.sub(r"\s+", " ", password), user)


class LengthLimit:
    """Longer passwords are no safer, and cost work. They are refused and never cut: who pastes one should know."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        MaxLengthValidator(_MAX_CHARACTERS)(password)

    def get_help_text(self) -> str:
        return _("Your password can have at most %(most)d characters.") % {"most": _MAX_CHARACTERS}
