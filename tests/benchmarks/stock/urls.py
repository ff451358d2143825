from django.urls import path

from tests.benchmarks.stock.views import AssignmentViewSet, WarehouseTokenView

urlpatterns = [
    path("warehouse-user-assignments", AssignmentViewSet.as_view({"get": "list"})),
    path("warehouse-user-assignments/<uuid:uuid>", AssignmentViewSet.as_view({"patch": "partial_update"})),
    path("warehouse-tokens", WarehouseTokenView.as_view()),
]
