from config.api.urlpatterns import collection, item, route
from users import views

oauth = views.AuthorizationServerViewSet.as_view

urlpatterns = [
    route("authorize", oauth({"post": "authorize"})),
    route("token", oauth({"post": "token"})),
    route("revoke", oauth({"post": "revoke"})),
    route("introspect", oauth({"post": "introspect"})),
    route(".well-known/oauth-authorization-server", oauth({"get": "server_metadata"})),
    route(".well-known/jwks.json", oauth({"get": "key_set"})),
    collection("users", views.UserViewSet, get="list"),
    item("users", views.UserViewSet, get="retrieve"),
]
