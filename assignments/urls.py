from assignments.views import AssignmentViewSet, WarehouseTokenView
from config.api.urlpatterns import collection, item, route

urlpatterns = [
    collection("warehouse-user-assignments", AssignmentViewSet, get="list", post="create"),
    item("warehouse-user-assignments", AssignmentViewSet, get="retrieve", patch="partial_update", delete="destroy"),
    route("warehouse-tokens", WarehouseTokenView.as_view({"post": "create"})),
]
