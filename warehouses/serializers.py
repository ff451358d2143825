from rest_framework import serializers

from config.jsonapi.documents import ResourceSerializer


class WarehouseSerializer(ResourceSerializer):
    """A warehouse; the same three members stand in an assignment's `warehouse` attribute."""

    name = serializers.CharField()
    uuid = serializers.UUIDField()
    is_active = serializers.BooleanField()

    class Meta:
        resource = "warehouses"
        includes: dict[str, type[ResourceSerializer]] = {}
