from axes.models import AccessFailureLog
from django.db import models


class DeviceFailure(AccessFailureLog):
    """A failed sign-in with a device cookie of the account; it counts for that browser only."""

    device = models.UUIDField(db_index=True)

    class Meta:
        default_permissions = ()
