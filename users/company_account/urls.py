"""URLs of the sign-in by a company account, only if the settings name a provider."""

from django.urls import path

from users.company_account import pages

urlpatterns = [
    path("admin/company-account/<str:name>/", pages.begin, name="company_sign_in"),
    path("admin/company-account/<str:name>/callback/", pages.callback, name="company_sign_in_callback"),
]
