"""OAuth clients in the Back Office. A secret is shown once, when it is generated."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from assignments.models import WarehouseGrant
from config.back_office.list_return import list_query
from config.back_office.model_admin import ModelAdmin
from config.back_office.times import time_tag
from config.history.edit_conflicts import EditConflictAdminMixin
from config.history.pages import HistoryAdminMixin
from users.admin.client_form import PROVISIONING_FIELDS, ClientForm, may_let_provision
from users.admin.user.bulk_actions import actor
from users.forms import ReasonForm
from users.models.oauth.client import Client
from users.oauth.server import address_of
from users.querysets import CLIENTS

_FIXED = ("identifier", "kind")


@admin.register(Client)
class ClientAdmin(HistoryAdminMixin, EditConflictAdminMixin, ModelAdmin):
    """Register, edit, remove, and replace secrets. The default client has no row: the list shows it above the table."""

    form = ClientForm
    list_display = ("client_id", "name", "kind_", "addresses", "created")
    list_display_links = ("client_id", "name")
    list_before_template = "admin/users/client/default.html"
    list_per_page = 50
    show_full_result_count = False
    searched = CLIENTS
    search_fields = ("client_id",)
    search_help_text = _("Search by name or client ID")
    actions = None
    readonly_fields = (*_FIXED, "redirect_lines", "origin_lines", "given_roles", "created", "secret_made_at")

    class Media:
        css = {"all": ("users/people.css", "users/clients.css")}

    # --- The list ----------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"default_client": Client.objects.default(), **(extra_context or {})})

    @display(description=_("Kind"), ordering="is_confidential", label={True: "success", False: "info"})
    def kind_(self, obj: Client) -> tuple[bool, Any]:
        return obj.is_confidential, _("Confidential") if obj.is_confidential else _("Public")

    @display(description=_("Redirect addresses"))
    def addresses(self, obj: Client) -> int:
        return len(obj.redirect_uris)

    @display(description=_("Created"), ordering="created_at")
    def created(self, obj: Client) -> str:
        return time_tag(obj.created_at)

    # --- The page of one client --------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:
        provisioning: tuple[str, ...] = PROVISIONING_FIELDS if may_let_provision(actor(request)) else ()
        if obj is None:
            given = ("client_id", "name", "is_confidential", "redirect_uris", "allowed_origins", "reads_reasons")
            return (*given, *provisioning, "change_reason")
        edits = self.has_change_permission(request, obj)
        if not edits:
            provisioning = ("given_roles",) if obj.provisions_people else ()
        of_kind = ("reads_reasons", *provisioning, "created", "secret_made_at") if obj.is_confidential else ("created",)
        if not edits:
            return (*_FIXED, "name", "redirect_lines", "origin_lines", *of_kind)
        return (*_FIXED, "name", "redirect_uris", "allowed_origins", *of_kind, "change_reason", "seen")

    @display(description=_("Client ID"))
    def identifier(self, obj: Client) -> str:
        return obj.client_id

    @display(description=_("Kind"))
    def kind(self, obj: Client) -> Any:
        if obj.is_confidential:
            return _("Confidential: it keeps a secret, and must show it")
        return _("Public: it has no secret")

    @display(description=_("Redirect addresses"))
    def redirect_lines(self, obj: Client) -> Any:
        return _lines(obj.redirect_uris)

    @display(description=_("Allowed origins"))
    def origin_lines(self, obj: Client) -> Any:
        return _lines(obj.allowed_origins)

    @display(description=_("Provisions people"))
    def given_roles(self, obj: Client) -> Any:
        """For users who may not change it."""
        names = ", ".join(sorted(_now(name) for name in obj.grantable_roles))
        return _now("Yes, and gives: %(roles)s") % {"roles": names} if names else _now("Yes, and gives no role")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        title = _now("New client")
        if client := kwargs.get("obj"):
            edits = self.has_change_permission(request, client)
            title = (_now("Edit client: %(name)s") if edits else _now("Client: %(name)s")) % vars(client)
        context |= {"title": title, "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    @transaction.atomic
    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if object_id is not None and request.method == "POST":
            self._locked(request, object_id)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _locked(self, request: HttpRequest, object_id: str) -> Client | None:
        """The client as the last transaction has left it, locked until this one ends; None if there is none."""
        found = self.get_object(request, object_id)
        return found and Client.objects.select_for_update(no_key=True).filter(pk=found.pk).first()

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        if obj.is_confidential and (not change or form.begins_to_provision):
            obj.shown_once = obj.make_secret()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.save_roles()

    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        if obj.is_confidential:
            return self._secret_page(request, obj, obj.shown_once)
        self.message_user(request, _now("Client “%(name)s” was created.") % vars(obj), messages.SUCCESS)
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        if hasattr(obj, "shown_once"):
            return self._secret_page(request, obj, obj.shown_once)
        self.message_user(request, _now("Client “%(name)s” was saved.") % vars(obj), messages.SUCCESS)
        return self.response_post_save_change(request, obj)

    # --- The secret --------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        secret = self.admin_site.admin_view(self.secret_view)
        return [path("<int:pk>/secret/", secret, name="users_client_secret"), *super().get_urls()]

    @transaction.atomic
    def secret_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A confirmation page; then a new secret."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        client = self._locked(request, str(pk))
        if client is None or not client.is_confidential:
            raise Http404
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        if request.method != "POST":
            return self._confirm(request, client, "new_secret", _now("Make a new secret: %(name)s"))
        secret = client.make_secret()
        client.save()
        return self._secret_page(request, client, secret)

    def _secret_page(self, request: HttpRequest, client: Client, secret: str) -> HttpResponse:
        """The only response with the secret: no URL, message or session contains it. `admin_view` forbids caching."""
        title = _now("The secret of %(name)s") % vars(client)
        return self.render_page(
            request,
            "admin/users/client/secret.html",
            title,
            client=client,
            secret=secret,
            scim_url=address_of("scim/v2") if settings.SCIM_ENABLED and client.provisions_people else "",
            token_url=address_of("token"),
        )

    # --- Removing ----------------------------------------------------------------------------------------------
    @transaction.atomic
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """A confirmation page that counts what will end; then removes the client and its sessions."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        client = self._locked(request, object_id)
        if client is None:
            return self.missing(request, object_id)
        if not self.has_delete_permission(request, client):
            raise PermissionDenied
        if request.method != "POST":
            live = client.sessions().live()
            counts = {"sessions": live.count(), "tokens": WarehouseGrant.objects.of_sessions(live).count()}
            return self._confirm(request, client, "remove", _now("Remove client: %(name)s"), **counts)
        ended = client.remove()
        text = ngettext(
            "Client “%(name)s” was removed, and %(count)d open session ended.",
            "Client “%(name)s” was removed, and %(count)d open sessions ended.",
            ended,
        )
        self.message_user(request, text % {"name": client.name, "count": ended}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:users_client_changelist") + list_query(request))

    def _confirm(self, request: HttpRequest, client: Client, page: str, title: str, **counts: int) -> HttpResponse:
        template, form = f"admin/users/client/{page}.html", ReasonForm()
        return self.render_page(request, template, title % vars(client), client=client, form=form, **counts)


def _lines(values: list[str]) -> Any:
    return format_html_join("", '<span class="client-line">{}</span>', ((value,) for value in values)) or _("none")
