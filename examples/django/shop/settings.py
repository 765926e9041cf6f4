"""A small project; its database and worker are chosen by two variables of the environment.

MOLT_EXAMPLE_DATABASE  a file for SQLite (example.db), or postgresql://user:password@host:port/name
MOLT_EXAMPLE_WORKER    inprocess, stdio, or unix:///path/of.sock
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

DATABASE = os.environ.get("MOLT_EXAMPLE_DATABASE", str(Path(__file__).parents[1] / "example.db"))
WORKER = os.environ.get("MOLT_EXAMPLE_WORKER", "inprocess")

SECRET_KEY = "for the example alone"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["molt_db_adapter.django", "shop"]


def _database(where: str) -> dict[str, Any]:
    if not where.startswith("postgresql://"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": where}
    url = urlsplit(where)
    options = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": options.pop("host", None) or url.hostname or "",
        "PORT": options.pop("port", None) or url.port or "",
        "OPTIONS": options,
        "CONN_MAX_AGE": 600,
    }


DATABASES = {"default": _database(DATABASE)}
MOLT = {
    "default": {
        "WORKER": WORKER,
        "TIMEOUT_MS": int(os.environ.get("MOLT_EXAMPLE_TIMEOUT_MS", "2000")),
        "FALLBACK": os.environ.get("MOLT_EXAMPLE_FALLBACK", "1") == "1",
    }
}
