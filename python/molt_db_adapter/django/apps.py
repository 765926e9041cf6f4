"""The app; it starts nothing."""

from django.apps import AppConfig


class MoltConfig(AppConfig):
    """`INSTALLED_APPS += ["molt_db_adapter.django"]`."""

    name = "molt_db_adapter.django"
    label = "molt"
    verbose_name = "Molt"
