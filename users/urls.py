from config.api.urlpatterns import collection, item, route
from users import views

urlpatterns = [
    route("authorize", views.AuthorizeView.as_view({"post": "create"})),
    route("token", views.TokenView.as_view({"post": "create"})),
    route("revoke", views.RevokeView.as_view({"post": "create"})),
    route("introspect", views.IntrospectView.as_view({"post": "create"})),
    route(".well-known/oauth-authorization-server", views.MetadataView.as_view({"get": "retrieve"})),
    route(".well-known/jwks.json", views.KeySetView.as_view({"get": "retrieve"})),
    collection("users", views.UserViewSet, get="list"),
    item("users", views.UserViewSet, get="retrieve"),
]
