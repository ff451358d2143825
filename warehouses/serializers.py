from config.api.serializers import ModelSerializer, UUIDText
from warehouses.models import Warehouse


class WarehouseSerializer(ModelSerializer):
    """A warehouse; also the `warehouse` attribute of an assignment, of which only the uuid can be written."""

    uuid = UUIDText()

    class Meta:
        model = Warehouse
        resource_name = "warehouses"
        fields = ("id", "name", "uuid", "is_active")
        read_only_fields = ("name", "is_active")
