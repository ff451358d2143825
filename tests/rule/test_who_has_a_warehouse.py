"""Whether a person has any warehouse is known without looking for assignments, and right whoever writes them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from assignments.models import WarehouseUserAssignment
from tests.support.servers.concurrency import wait_until_blocked
from users.models import User
from warehouses.models import Warehouse

_TABLE = WarehouseUserAssignment._meta.db_table


def without() -> set[str]:
    """The first names of the warehouse users who are said to have no warehouse."""
    return set(User.objects.without_warehouse().values_list("first_name", flat=True))


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def insert(user: User, warehouse: Warehouse) -> None:
    columns = "(uuid, user_id, warehouse_id, is_active, activation)"
    sql(f"INSERT INTO {_TABLE} {columns} VALUES (gen_random_uuid(), %s, %s, false, 0)", user.pk, warehouse.pk)


def test_a_new_warehouse_user_has_none(pat: User, olive: User) -> None:
    assert without() == {"Pat"}


def test_it_is_so_as_soon_as_a_write_method_has_returned(
    pat: User, sam: User, north: Warehouse, river: Warehouse
) -> None:
    objects = WarehouseUserAssignment.objects
    objects.set_warehouses(pat, add=[north, river], remove=[])
    assert without() == {"Sam"}
    objects.set_active([(sam.pk, north.pk, True)])
    assert without() == set()
    objects.set_warehouses(pat, add=[], remove=[north])
    assert without() == set()
    objects.set_warehouses(pat, add=[], remove=[river])
    assert without() == {"Pat"}


def test_it_is_so_too_for_sql_by_hand(pat: User, sam: User, north: Warehouse) -> None:
    insert(pat, north)
    assert without() == {"Sam"}
    sql(f"UPDATE {_TABLE} SET user_id = %s", sam.pk)
    assert without() == {"Pat"}
    sql(f"DELETE FROM {_TABLE}")
    assert without() == {"Pat", "Sam"}
    insert(pat, north)
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql(f"TRUNCATE {_TABLE} CASCADE")
    assert without() == {"Pat", "Sam"}


def test_it_is_so_when_a_warehouse_goes_with_all_its_assignments(
    pat: User, sam: User, pat_north: Any, pat_river: Any, sam_north: Any, north: Warehouse
) -> None:
    north.remove(with_assignments=True)
    assert without() == {"Sam"}


def test_nobody_can_say_otherwise(pat: User, sam: User, pat_north: Any) -> None:
    sql("UPDATE users_user SET has_warehouse = NOT has_warehouse")
    assert without() == {"Sam"}
    User.objects.create(email="tom.new@example.test", first_name="Tom", is_warehouse_user=True, has_warehouse=True)
    assert without() == {"Sam", "Tom"}


def test_saving_a_person_who_was_read_before_changes_nothing(pat: User, north: Warehouse) -> None:
    read_before = User.objects.get(pk=pat.pk)
    insert(pat, north)
    read_before.save()
    assert without() == set()


def test_it_is_no_change_of_the_person(pat: Any, north: Warehouse, django_assert_num_queries: Any) -> None:
    before = User.objects.values("updated_at").get(pk=pat.pk), pat.events.count()
    with django_assert_num_queries(1):
        insert(pat, north)
    assert (User.objects.values("updated_at").get(pk=pat.pk), pat.events.count()) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["taken away", "given"])
def test_who_writes_at_the_same_time_waits_and_looks_again(
    first: str, pat: User, north: Warehouse, river: Warehouse
) -> None:
    """Two take away the last two; or one gives a second warehouse while another takes the only one away."""
    insert(pat, north)
    if first == "taken away":
        insert(pat, river)

    def take_north() -> None:
        sql(f"DELETE FROM {_TABLE} WHERE warehouse_id = %s", north.pk)
        connection.close()

    other = threading.Thread(target=take_north)
    with transaction.atomic():
        if first == "given":
            insert(pat, river)
        else:
            sql(f"DELETE FROM {_TABLE} WHERE warehouse_id = %s", river.pk)
        other.start()
        wait_until_blocked(connection.connection)
    other.join()

    assert User.objects.get(pk=pat.pk).has_warehouse is (first == "given")
