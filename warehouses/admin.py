from django.contrib import admin
from unfold.admin import ModelAdmin

from config.history_admin import HistoryAdminMixin
from warehouses.models import Warehouse


@admin.register(Warehouse)
class WarehouseAdmin(HistoryAdminMixin, ModelAdmin):
    list_display = ("id", "name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name",)
    readonly_fields = ("uuid",)
