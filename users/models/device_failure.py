from axes.models import AccessFailureLog
from django.db import models


class DeviceFailure(AccessFailureLog):
    """A failure in a browser that is known to the account: it counts for that browser alone."""

    device = models.UUIDField(db_index=True)

    class Meta:
        default_permissions = ()
