"""English, as in the United States, but for the clock of 24 hours that warehouses keep."""

DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "m/d/Y H:i"
TIME_FORMAT = "H:i"
