"""The example's settings, with the models of the tests."""

from shop.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "zoo"]  # noqa: F405
