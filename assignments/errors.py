"""Code and words of each domain error (contract section 3.2), said once."""

from config.api.errors import Fault

FORBIDDEN = Fault(403, "Operation is forbidden.", "5101")
NOT_FOUND = Fault(404, "Warehouse user assignment not found.", "5201")
USER_NOT_FOUND = Fault(400, "User not found.", "5202", pointer="/data/attributes/userUuid")
WAREHOUSE_NOT_FOUND = Fault(400, "Warehouse not found.", "5203", pointer="/data/attributes/warehouse/uuid")
TOO_MANY_ACTIVE = Fault(
    400, "User has too many active warehouse assignments.", "5205", pointer="/data/attributes/isActive"
)
CANNOT_CHANGE = Fault(400, "This cannot be changed.", pointer="/data/attributes/userUuid")
ALREADY_EXISTS = Fault(400, "Warehouse user assignment already exists.", "5206", pointer="/data")
