"""Domain errors, independent of HTTP. `config.api.errors` translates them into responses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RuleViolation:
    """One reason: the message, the code of contract section 3.2, and the field whose value is refused.

    Without a field, the row is missing, or no other value would be accepted.
    """

    message: str
    code: str | None = None
    #: The model's field; Django's `__all__` for several.
    field: str = ""


class RuleError(Exception):
    """Refuses a write, with all reasons. Nothing was written."""

    def __init__(self, *violations: RuleViolation) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations
