"""URLs of the sign-in by a company account, only if the settings name a provider."""

from django.urls import path

from users.company_account import backchannel, pages, unlinking

urlpatterns = [
    path("oidc/backchannel-logout", backchannel.logout, name="company_backchannel_logout"),
    path("admin/company-account/<str:name>/", pages.begin, name="company_sign_in"),
    path("admin/company-account/<str:name>/callback/", pages.callback, name="company_sign_in_callback"),
    path("admin/company-account/<str:name>/sign-out/", pages.sign_out, name="company_sign_out"),
    path("admin/users/user/<int:pk>/unlink-company-account/", unlinking.unlink_page, name="company_account_unlink"),
]
