"""Import and export of assignments: one row per assignment, or one row per person."""
