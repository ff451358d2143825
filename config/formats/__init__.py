"""How times are written in the Back Office: short enough for a column, and the same on every page."""
