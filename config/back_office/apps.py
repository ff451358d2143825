from django.contrib.admin import apps


class BackOfficeConfig(apps.AdminConfig):
    """Django's admin with the Back Office as its site."""

    default = False  # it configures django.contrib.admin, not this package
    default_site = "config.back_office.site.BackOffice"
