"""Django, set up once in this process with the example's project and a file for SQLite."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.bounded import bounded_in_time

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "django"
HANGS_AFTER_S = 120

FOLDER = Path(tempfile.mkdtemp(prefix="molt-django-"))
os.environ["MOLT_EXAMPLE_DATABASE"] = str(FOLDER / "example.db")
os.environ["DJANGO_SETTINGS_MODULE"] = "zoo_settings"
sys.path[:0] = [str(EXAMPLE), str(HERE)]


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    with bounded_in_time(HANGS_AFTER_S):
        yield


@pytest.fixture(scope="session")
def project() -> Iterator[Path]:
    """The project with its tables and items; gives the file of the database."""
    import django
    from django.core.management import call_command
    from django.db import connection, connections

    django.setup()
    call_command("migrate", verbosity=0)
    from zoo.models import Animal, Keeper

    with connection.schema_editor() as editor:
        editor.create_model(Keeper)
        editor.create_model(Animal)
    call_command("seed", items=3000, users=7, verbosity=0)
    yield FOLDER / "example.db"
    connections.close_all()
    shutil.rmtree(FOLDER, ignore_errors=True)
