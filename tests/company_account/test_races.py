"""Two sign-ins by one company account, or a sign-in and a block, at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.back_office.staff import member
from tests.support.company_account.forger import Forger, Walk
from tests.support.company_account.site import link, refusals
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from tests.support.sign_in.login import is_in
from users.models import CompanyAccount, User

pytestmark = pytest.mark.usefixtures("transactional_db")
Provide = Callable[..., Any]


def begun(forger: Forger) -> Walk:
    walk = Walk(forger)
    walk.begin()
    return walk


def test_of_two_first_sign_ins_one_links_and_the_other_begins_again(
    provided: Provide, olive_there: User, forger: Forger
) -> None:
    provided(links_by_email=True)
    walks = [begun(forger), begun(forger)]
    with colleague() as other, beside() as start:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [olive_there.pk])
        tasks = [start(walk.answer) for walk in walks]
        wait_until_blocked(other, 2)
        other.rollback()
        assert sorted(task.result().status_code for task in tasks) == [302, 400]
    assert [one["reason"] for one in refusals()] == ["the same account signed in at the same moment"]
    assert (CompanyAccount.objects.get().user, sorted(is_in(walk.browser) for walk in walks)) == (
        olive_there,
        [False, True],
    )


def test_of_two_last_administrators_who_lose_their_groups_at_once_one_remains(
    provided: Provide, olive_there: User, forger: Forger, make_user: Callable[..., User]
) -> None:
    provider = provided(roles={"wh-admins": frozenset({"Administrator"}), "wh-auditors": frozenset({"Auditor"})})
    for number, one in enumerate([olive_there, make_user("adam.admin@example.test")], 1):
        link(member(one, "Administrator"), provider, f"admin-{number}")
    forger.metadata = {"userinfo_endpoint": None}
    forger.claims = {"groups": ["wh-auditors"]}
    subjects = iter(["admin-1", "admin-2"])
    forger.forge = lambda claims: claims | {"sub": next(subjects)}
    walks = [begun(forger), begun(forger)]
    with colleague() as other, beside() as start:
        other.execute("SELECT pg_advisory_xact_lock(4711001)")
        tasks = [start(walk.answer) for walk in walks]
        wait_until_blocked(other, 2)
        other.rollback()
        assert sorted(task.result().status_code for task in tasks) == [302, 403]
    assert [one["reason"] for one in refusals()] == ["the groups would take the rights of the last administrator"]
    assert sorted(User.objects.values_list("roles", flat=True)) == [["Administrator"], ["Auditor"]]


def test_who_is_blocked_while_signing_in_is_not_in(provided: Provide, olive_there: User, forger: Forger) -> None:
    link(olive_there, provided(), "olive-1")
    walk = begun(forger)
    with colleague() as other, beside() as start:
        other.execute("UPDATE users_user SET status = 'blocked' WHERE id = %s", [olive_there.pk])
        task = start(walk.answer)
        wait_until_blocked(other, 1)
        other.commit()
        assert task.result().status_code == 403
    assert not is_in(walk.browser)
