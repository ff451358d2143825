from rest_framework import serializers

from config.api.serializers import ModelSerializer
from users.models import User


class UserSerializer(ModelSerializer):
    """A person, as integrators and `include=users` see one (contract section 2.4)."""

    username = serializers.CharField(source="email")

    class Meta:
        model = User
        resource_name = "users"
        fields = ("id", "username", "first_name", "last_name")
