from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssignmentsConfig(AppConfig):
    name = "assignments"
    verbose_name = _("Assignments")

    def ready(self) -> None:
        """Teaches the authorization server of `users`, which knows nothing of warehouses, to refresh our tokens."""
        from assignments.oauth import WarehouseRefreshGrant
        from users.oauth import server

        server.register_grant(WarehouseRefreshGrant)
