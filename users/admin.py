from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from users.models import Session, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Create and edit people. Switching the flag or the status signs them out everywhere."""

    ordering = ("id",)
    list_display = ("email", "first_name", "last_name", "last_login", "status", "is_warehouse_user")
    list_filter = ("status", "is_warehouse_user")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("uuid", "last_login")
    form = UserChangeForm
    add_form = AdminUserCreationForm
    _person = ("email", "first_name", "last_name", "language", "is_warehouse_user")
    fieldsets = (
        (None, {"fields": ("uuid", *_person, "password", "status", "last_login")}),
        ("Permissions", {"fields": ("is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"fields": (*_person, "usable_password", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        switched = {"is_warehouse_user", "status"} & set(form.changed_data)
        if change and switched:
            obj.end_sessions(f"{', '.join(sorted(switched))} changed in the Back Office")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # people are kept for history: set the status to Deleted


@admin.register(Session)
class SessionAdmin(ModelAdmin):
    """Who is signed in, from where. Read only, but for ending."""

    list_display = ("user", "client_id", "address", "created_at", "last_used_at", "ended_at", "end_reason")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = (*list_display, "user_agent", "expires_at")
    actions = ("end_sessions",)

    @admin.action(description="End session")
    def end_sessions(self, request: HttpRequest, queryset) -> None:
        for session in queryset:
            session.end("ended in the Back Office")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False
