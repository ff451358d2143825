from rest_framework_json_api import serializers
from rest_framework_json_api.relations import ResourceRelatedField

from tests.benchmarks.stock.models import Assignment, User, Warehouse


class UuidRelatedField(ResourceRelatedField):
    """Names a related row by its uuid."""

    def use_pk_only_optimization(self):
        return False

    def get_resource_id(self, value):
        return value.uuid


class UserSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="uuid", read_only=True)
    username = serializers.EmailField(source="email")

    class Meta:
        model = User
        fields = ["id", "username", "first_name", "last_name"]


class WarehouseSerializer(serializers.ModelSerializer):
    isActive = serializers.BooleanField(source="is_active")  # noqa: N815 (the library spells outer names only)

    class Meta:
        model = Warehouse
        fields = ["name", "uuid", "isActive"]


class AssignmentSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="uuid", read_only=True)
    user_uuid = serializers.UUIDField(source="user.uuid", read_only=True)
    warehouse = WarehouseSerializer(read_only=True)
    users = UuidRelatedField(source="user", read_only=True, model=User)

    included_serializers = {"users": UserSerializer}

    class Meta:
        model = Assignment
        fields = ["id", "user_uuid", "is_active", "warehouse", "users"]
