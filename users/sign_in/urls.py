"""URLs of the sign-in. They precede those of the admin site, of which they override two."""

from django.contrib import admin
from django.urls import path

from users.admin.saved_searches import saved_searches
from users.sign_in import account_recovery, language, login, passwords, two_factor

urlpatterns = [
    path("login/", login.SignInView.as_view(), name="admin_sign_in"),
    path("login/code/", login.second_step, name="admin_second_step"),
    path("password_change/", admin.site.admin_view(passwords.OwnPasswordView.as_view()), name="admin_own_password"),
    path("password_reset/", passwords.ForgottenPasswordView.as_view(), name="admin_password_reset"),
    path("reset/", passwords.missing_token, name="admin_password_reset_missing"),
    path("reset/<uidb64>/<token>/", passwords.NewPasswordView.as_view(), name="password_reset_confirm"),
    path("users/user/<int:pk>/unlock-sign-in/", account_recovery.unlock_page, name="admin_unlock_sign_in"),
    path("users/user/<int:pk>/reset-two-factor/", account_recovery.reset_page, name="admin_reset_two_factor"),
    path("searches/", saved_searches, name="admin_saved_searches"),
    path("language/", language.own_language, name="admin_language"),
    path("two-factor/", two_factor.own, name="admin_two_factor"),
]
