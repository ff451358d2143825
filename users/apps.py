from corsheaders.signals import check_request_enabled
from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "users"
    verbose_name = _("Users")

    def ready(self) -> None:
        from users import undo  # noqa: F401 (registers how changes are undone)
        from users.oauth.clients import default_client  # noqa: F401 (registers the checks)
        from users.oauth.clients.allowed_origins import is_allowed

        check_request_enabled.connect(is_allowed)
        if settings.OIDC_PROVIDERS:
            from users.company_account import checks  # noqa: F401 (registers the check)
