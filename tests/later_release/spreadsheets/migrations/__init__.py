"""The migrations of this release, and what comes after them."""

from config.spreadsheets import migrations

__path__ += migrations.__path__
