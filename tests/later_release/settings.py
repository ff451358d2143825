"""The settings of a site of the later release."""

from config.settings import *  # noqa: F403

MIGRATION_MODULES = {app: f"tests.later_release.{app}.migrations" for app in ("users", "assignments", "spreadsheets")}
