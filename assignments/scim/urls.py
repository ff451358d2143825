from django.urls import re_path

from assignments.scim.views import ROOT, ScimView

_METHODS = ("get", "post", "put", "patch", "delete")

urlpatterns = [
    re_path(rf"^{ROOT}(?:/(?P<path>[\s\S]*))?$", ScimView.as_view(dict.fromkeys(_METHODS, "answer")), name=ROOT),
]
