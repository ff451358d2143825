"""What may happen to a colleague's account while something of theirs is on its way, as SQL about the person's id."""

from __future__ import annotations

import pytest

from tests.support.back_office.staff import make_role, member
from tests.support.servers.concurrency import colleague
from users import roles
from users.models import User

#: For races: what others see must be committed.
committed = pytest.mark.django_db(transaction=True)

BLOCK = "UPDATE users_user SET status = 'blocked' WHERE id = %s"
#: Refuses an import as a block does, though not a request.
SIGN_OUT = "UPDATE users_user SET signed_out_at = now() WHERE id = %s"
LOSSES = {
    "blocked": BLOCK,
    "deleted": "UPDATE users_user SET status = 'deleted' WHERE id = %s",
    "a warehouse user": "UPDATE users_user SET is_warehouse_user = true WHERE id = %s",
    "confined to warehouses": "UPDATE users_user SET is_confined = true WHERE id = %s",
    "taken out of the role": "DELETE FROM users_user_groups WHERE user_id = %s",
    "of a role that may less": (
        "DELETE FROM auth_group_permissions USING users_user_groups AS one, auth_permission AS it WHERE user_id = %s "
        "AND one.group_id = auth_group_permissions.group_id AND permission_id = it.id AND codename = 'change_user'"
    ),
}
NO_LOSSES = {
    "signing in elsewhere": "UPDATE users_user SET last_login = now() WHERE id = %s",
    "another name": "UPDATE users_user SET last_name = 'Miller' WHERE id = %s",
    "more rights": "UPDATE users_user SET is_superuser = true WHERE id = %s",
}


def stop(person: User, sql: str) -> None:
    with colleague() as other:
        other.execute(sql, [person.pk])


def restored(manager: User) -> User:
    """As before any loss."""
    User.objects.filter(pk=manager.pk).update(
        status="active", is_warehouse_user=False, is_superuser=False, is_confined=False
    )
    make_role(roles.STAFF_MANAGER)
    return member(User.objects.get(pk=manager.pk), roles.STAFF_MANAGER)
