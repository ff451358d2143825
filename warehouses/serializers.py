from config.api.serializers import ModelSerializer, UUIDText
from warehouses.models import Warehouse


class WarehouseSerializer(ModelSerializer):
    """A warehouse. As the `warehouse` attribute of an assignment, only its uuid is writable."""

    uuid = UUIDText()

    class Meta:
        model = Warehouse
        resource_name = "warehouses"
        fields = ("id", "name", "uuid", "is_active")
        read_only_fields = ("name", "is_active")
