"""URLs of the pages of one's own account."""

from django.contrib.auth.views import LogoutView
from django.urls import path, reverse_lazy

from users.account import pages, sign_in
from users.sign_in.login import second_step

urlpatterns = [
    path("", pages.account, name="account"),
    path("login/", sign_in.AccountSignInView.as_view(), name="account_sign_in"),
    path("login/code/", second_step, {"login": "account_sign_in"}, name="account_second_step"),
    path("logout/", LogoutView.as_view(next_page=reverse_lazy("account_sign_in")), name="account_sign_out"),
    path("password_reset/", sign_in.AccountForgottenPasswordView.as_view(), name="account_password_reset"),
    path("password/", pages.change_password, name="account_password"),
    path("language/", pages.choose_language, {"home": "account"}, name="account_language"),
    path("sessions/end/", pages.end_sessions, name="account_end_sessions"),
    path("sessions/<uuid:pk>/end/", pages.end_session, name="account_end_session"),
    path("<path:unknown>", pages.missing),
]
