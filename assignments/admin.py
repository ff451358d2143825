from django.contrib import admin
from unfold.admin import ModelAdmin

from assignments.models import WarehouseUserAssignment


@admin.register(WarehouseUserAssignment)
class WarehouseUserAssignmentAdmin(ModelAdmin):
    """Who is assigned where. The active one is switched by the door in the model, never by this form."""

    list_display = ("user", "warehouse", "is_active", "updated_at")
    list_select_related = ("user", "warehouse")
    list_filter = ("is_active",)
    search_fields = ("user__email", "warehouse__name")
    autocomplete_fields = ("user", "warehouse")
    readonly_fields = ("uuid", "is_active")
