from django_filters.rest_framework import FilterSet

from config.api.filters import BooleanFilter, EmailFilter, UUIDFilter


class UserFilterSet(FilterSet):
    """`filter[users.…]` (contract 0.4)."""

    uuid = UUIDFilter()
    username = EmailFilter("email")
    is_warehouse_user = BooleanFilter()
