"""The language of pages, chosen in the account menu of the Back Office and on `/account/`."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from config.back_office.error_pages import page_before
from users.models import User


@require_POST
def choose_language(request: HttpRequest, home: str = "admin:index") -> HttpResponse:
    """Changes the language of the signed-in user, and leads back to the page, or to `home`.

    Raises Http404 for an unknown language.
    """
    language = request.POST.get("language", "")
    if language not in User.Language.values:
        raise Http404("There is no such language.")
    User.objects.filter(pk=request.user.pk).update(language=language)
    return HttpResponseRedirect(page_before(request) or reverse(home))


own_language = admin.site.admin_view(choose_language)
