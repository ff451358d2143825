from assignments.access import views as access
from assignments.views import AssignmentViewSet, WarehouseTokenView
from config.api.urlpatterns import collection, item, route

urlpatterns = [
    collection("warehouse-user-assignments", AssignmentViewSet, get="list", post="create"),
    item("warehouse-user-assignments", AssignmentViewSet, get="retrieve", patch="partial_update", delete="destroy"),
    route("warehouse-tokens", WarehouseTokenView.as_view({"post": "create"})),
    route("access/v1/evaluation", access.EvaluationView.as_view({"post": "create"})),
    route("access/v1/evaluations", access.EvaluationsView.as_view({"post": "create"})),
    route(".well-known/authzen-configuration", access.ConfigurationView.as_view({"get": "retrieve"})),
]
