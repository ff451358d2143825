"""The Back Office's pages about who works where."""

from assignments.admin.listing import WarehouseUserAssignmentAdmin

__all__ = ["WarehouseUserAssignmentAdmin"]
