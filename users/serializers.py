from rest_framework import serializers

from config.jsonapi.documents import ResourceSerializer


class UserSerializer(ResourceSerializer):
    """A person, as integrators and `include=users` see one (contract section 2.4)."""

    username = serializers.CharField(source="email")
    first_name = serializers.CharField()
    last_name = serializers.CharField()

    class Meta:
        resource = "users"
        includes: dict[str, type[ResourceSerializer]] = {}
