from config.api.urlpatterns import collection, item
from warehouses.views import WarehouseViewSet

urlpatterns = [
    collection("warehouses", WarehouseViewSet, get="list"),
    item("warehouses", WarehouseViewSet, get="retrieve"),
]
