"""The page of a person's saved searches: open, save under a name, and delete."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from config.identifiers import parse_key
from users.admin.user.bulk_actions import actor
from users.models.saved_search import SavedSearch

#: Most searches of a person.
MAX_SEARCHES = 100


class SaveForm(forms.ModelForm):
    class Meta:
        model = SavedSearch
        fields = ("name", "kind", "query")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
            "kind": forms.HiddenInput,
            "query": forms.HiddenInput,
        }

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"]
        if _admin_of(kind) is None:
            raise forms.ValidationError("There is no such list.")
        return kind

    def clean(self) -> dict[str, Any] | None:
        if self.errors.keys() & {"kind", "query"}:  # hidden, and wrong only by hand
            self.add_error("name", _("This search cannot be saved."))
        return super().clean()


@admin.site.admin_view
def saved_searches(request: HttpRequest) -> HttpResponse:
    """Shows the form if the query names a list and its query string. A name that is there already is replaced."""
    own = SavedSearch.objects.filter(user=actor(request))
    form = None
    if request.method == "POST" and "delete" in request.POST:
        own.filter(pk=parse_key(request.POST["delete"]) or 0).delete()
        return HttpResponseRedirect(reverse("admin_saved_searches"))
    if request.method == "POST":
        form = SaveForm(request.POST)
        if form.is_valid():
            return _saved(request, form.cleaned_data)
    elif "kind" in request.GET:
        form = SaveForm(initial={name: request.GET.get(name, "") for name in ("kind", "query")})
    searches = [(search, *_described(search)) for search in own if _may_open(request, search)]
    context = {"title": _("Saved searches"), "form": form, "searches": searches}
    return TemplateResponse(request, "admin/users/saved_searches.html", admin.site.each_context(request) | context)


def _saved(request: HttpRequest, data: dict[str, str]) -> HttpResponse:
    own = SavedSearch.objects.filter(user=actor(request))
    name = data.pop("name")
    if own.exclude(name=name).count() >= MAX_SEARCHES:
        text = _("You have %(most)s saved searches. Delete one first.") % {"most": MAX_SEARCHES}
        messages.error(request, text)
        return HttpResponseRedirect(reverse("admin_saved_searches"))
    search, _is_new = own.update_or_create(user=actor(request), name=name, defaults=data)
    messages.success(request, _("The search “%(name)s” is saved.") % {"name": name})
    return HttpResponseRedirect(_described(search)[1])


def _described(search: SavedSearch) -> tuple[str, str]:
    """The list's title, and the URL of the search."""
    shown = _admin_of(search.kind)
    query = QueryDict(search.query).urlencode()
    url = reverse(f"admin:{search.kind.replace('.', '_')}_changelist")
    return capfirst(shown.opts.verbose_name_plural), f"{url}?{query}"


def _may_open(request: HttpRequest, search: SavedSearch) -> bool:
    shown = _admin_of(search.kind)
    return shown is not None and shown.has_view_permission(request)


def _admin_of(kind: str) -> Any:
    """The admin of the model with this label; None if there is none, for instance in a later version of the site."""
    try:
        return admin.site.get_model_admin(apps.get_model(kind))
    except (LookupError, ValueError, NotRegistered):
        return None
