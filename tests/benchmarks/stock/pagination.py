from rest_framework_json_api.pagination import JsonApiLimitOffsetPagination


class Pagination(JsonApiLimitOffsetPagination):
    default_limit = 1_000
    max_limit = 1_000
