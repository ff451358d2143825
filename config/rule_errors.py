"""What a rule of the domain refuses. It knows nothing of HTTP: `config.api.errors` gives it its wire form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RuleViolation:
    """One reason: in words, with the code of contract section 3.2, and the field whose value is refused.

    Without a field, the row itself is not there, or nothing about the action can be bettered by another value.
    """

    message: str
    code: str | None = None
    #: As the model names it; `__all__`, as in Django, for several fields together.
    field: str = ""


class RuleError(Exception):
    """Nothing was written, for these reasons."""

    def __init__(self, *violations: RuleViolation) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations
