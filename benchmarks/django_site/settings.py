"""The example's settings, with hand-written views beside its own."""

from shop.settings import *  # noqa: F403 (all of the example's, then what differs)

ROOT_URLCONF = "django_site.urls"
