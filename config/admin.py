"""The Back Office: Django's admin with Unfold."""

from unfold.sites import UnfoldAdminSite


class BackOffice(UnfoldAdminSite):
    """The one admin site. Who may enter is `User.is_staff`."""

    site_title = "Back Office"
    site_header = "Back Office"
    index_title = "Dashboard"
