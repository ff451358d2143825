"""Takes a person's company accounts away, such as of somebody who got another account at the provider."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.audit.log import audit
from users.models import User
from users.sign_in.account_recovery import person_button


def unlink(person: User) -> int:
    """Also ends the Back Office sessions of these accounts, at their next request. Returns how many there were."""
    accounts = list(person.company_accounts.all())
    for account in accounts:
        account.delete()
        audit.info(
            "Company Account Unlinked", username=person.email, user_uuid=str(person.uuid), provider=account.issuer
        )
    return len(accounts)


unlink_page = person_button(
    unlink,
    _("The company account is unlinked. Its sessions here have ended."),
    _("There was nothing to unlink."),
    by_administrators=True,
)
