from config.rule_errors import RuleViolation

#: A person who is not there or not visible (contract section 3.2).
NOT_FOUND = RuleViolation("User not found.", "5202")
