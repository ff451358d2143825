from config.rule_errors import RuleViolation

#: A warehouse that is not there or not visible (contract section 3.2).
NOT_FOUND = RuleViolation("Warehouse not found.", "5203")
