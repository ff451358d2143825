from config.urlpatterns import collection, item, route
from users import views

urlpatterns = [
    route("token", views.TokenView.as_view({"post": "create"})),
    route(".well-known/jwks.json", views.KeySetView.as_view({"get": "list"})),
    collection("users", views.UserViewSet, get="list"),
    item("users", views.UserViewSet, get="retrieve"),
]
