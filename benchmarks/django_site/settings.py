"""The example's settings, with hand-written views beside its own."""

from shop.settings import *

ROOT_URLCONF = "django_site.urls"
