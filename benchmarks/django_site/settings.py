"""The example's settings, with hand-written views beside its own."""

from shop.settings import *  # noqa: F403

ROOT_URLCONF = "django_site.urls"
