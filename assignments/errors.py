"""Violations of the rules for assignments (contract section 3.2)."""

from config.rule_errors import RuleViolation

FORBIDDEN = RuleViolation("Operation is forbidden.", "5101")
NOT_FOUND = RuleViolation("Warehouse user assignment not found.", "5201")
USER_NOT_FOUND = RuleViolation("User not found.", "5202", field="user")
WAREHOUSE_NOT_FOUND = RuleViolation("Warehouse not found.", "5203", field="warehouse")
TOO_MANY_ACTIVE = RuleViolation("User has too many active warehouse assignments.", "5205", field="is_active")
CANNOT_CHANGE = RuleViolation("This cannot be changed.", field="user")
ALREADY_EXISTS = RuleViolation("Warehouse user assignment already exists.", "5206", field="__all__")
NOT_CURRENT = RuleViolation("The period of this assignment has not begun or is over.", "5207", field="is_active")
INVALID_PERIOD = RuleViolation(
    "The period must end after it starts, and lie between the years 1900 and 9998.", "5208", field="ends_at"
)
