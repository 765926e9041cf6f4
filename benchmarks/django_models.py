"""Django as a peer: settings and models without a project. Import after `configure`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


def configure(path: Path | str) -> SimpleNamespace:
    """Sets Django up on the SQLite file at `path` and returns its models `User` and `Order`.

    Once per process. DEBUG is off, so Django keeps no log of queries.
    """
    import django
    from django.conf import settings

    if not settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
        settings.configure(DATABASES={"default": database}, DEBUG=False, USE_TZ=False)
        django.setup()
        _models.__dict__.update(_declare().__dict__)
    return _models


_models = SimpleNamespace()


def _declare() -> SimpleNamespace:
    from django.db import models

    class User(models.Model):
        id = models.IntegerField(primary_key=True)
        email = models.TextField()
        name = models.TextField()
        age = models.IntegerField()
        balance = models.FloatField()

        class Meta:
            app_label = "bench"
            db_table = "users"

    class Order(models.Model):
        id = models.IntegerField(primary_key=True)
        user = models.ForeignKey(User, on_delete=models.CASCADE)
        status = models.TextField()
        total = models.FloatField()

        class Meta:
            app_label = "bench"
            db_table = "orders"

    return SimpleNamespace(User=User, Order=Order)
