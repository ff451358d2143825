"""The settings of a site of the later release."""

from config.settings import *  # noqa: F403
from tests.later_release import OVERRIDES

vars().update(OVERRIDES)
