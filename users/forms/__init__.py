"""Forms for people in the Back Office (contract 5.2)."""

from users.forms.person import UserForm
from users.forms.warehouses import HireForm, ReasonForm, WarehousesForm

__all__ = ["HireForm", "ReasonForm", "UserForm", "WarehousesForm"]
