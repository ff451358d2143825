"""The tables of this app, one model a file. Django looks for them here."""

from assignments.models.assignment import WarehouseUserAssignment
from assignments.models.managed_warehouse import ManagedWarehouse
from assignments.models.past_assignment import PastAssignment
from assignments.models.tie import Tie
from assignments.models.warehouse_grant import WarehouseGrant

__all__ = ["ManagedWarehouse", "PastAssignment", "Tie", "WarehouseGrant", "WarehouseUserAssignment"]
