from config.rule_errors import RuleViolation

#: The warehouse does not exist or is not visible (contract section 3.2).
NOT_FOUND = RuleViolation("Warehouse not found.", "5203")
