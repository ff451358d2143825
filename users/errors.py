from config.rule_errors import RuleViolation

#: The person does not exist or is not visible (contract section 3.2).
NOT_FOUND = RuleViolation("User not found.", "5202")
