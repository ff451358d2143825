"""The Back Office's pages of assignments."""

from assignments.admin.listing import WarehouseUserAssignmentAdmin

__all__ = ["WarehouseUserAssignmentAdmin"]
