"""The language of the Back Office, chosen in the account menu of every page."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from users.models import User


@admin.site.admin_view
@require_POST
def own_language(request: HttpRequest) -> HttpResponse:
    """Changes the language of the signed-in user, and returns to the page (`next`). Raises BadRequest for others."""
    language, back = request.POST.get("language", ""), request.POST.get("next", "")
    if language not in User.Language.values:
        raise BadRequest("There is no such language.")
    User.objects.filter(pk=request.user.pk).update(language=language)
    is_here = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return HttpResponseRedirect(back if is_here else reverse("admin:index"))
