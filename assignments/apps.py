from django.apps import AppConfig


class AssignmentsConfig(AppConfig):
    name = "assignments"

    def ready(self) -> None:
        """Teaches the authorization server of `users`, which knows nothing of warehouses, to refresh our tokens."""
        from assignments.oauth import WarehouseRefreshGrant
        from users.oauth import server

        server.register_grant(WarehouseRefreshGrant)
