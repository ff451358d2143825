from django.contrib.admin import apps


class BackOfficeConfig(apps.AdminConfig):
    """Django's admin, as our Back Office."""

    default = False  # of django.contrib.admin, that is, and not of this folder
    default_site = "config.admin.BackOffice"
