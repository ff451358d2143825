from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssignmentsConfig(AppConfig):
    name = "assignments"
    verbose_name = _("Assignments")

    def ready(self) -> None:
        """Registers warehouse tokens with the authorization server of `users`, which does not import this app."""
        from assignments import undo  # noqa: F401 (registers how changes are undone)
        from assignments.tokens.oauth import GrantToken, WarehouseRefreshGrant
        from users.oauth.server import server

        server.register_grant(WarehouseRefreshGrant)
        server.register_token(GrantToken)
