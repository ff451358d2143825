"""The Back Office's pages of assignments."""

from assignments.admin.assignment import WarehouseUserAssignmentAdmin

__all__ = ["WarehouseUserAssignmentAdmin"]
