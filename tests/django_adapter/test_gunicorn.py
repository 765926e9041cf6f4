"""The example under gunicorn: both views, every way to run them, real processes."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asked import questions

from servers.processes import environment, wait_until
from servers.worker import Worker, worker_binary

EXAMPLE = Path(__file__).parents[2] / "examples" / "django"
STARTS_WITHIN_S = 30.0
QUESTIONS = 120


def _manage(*arguments: str, env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=EXAMPLE, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class Site:
    """gunicorn with two workers on a Unix socket."""

    def __init__(self, folder: Path, env: dict[str, str], *flags: str) -> None:
        self.path = folder / "g.sock"
        self.log = folder / "gunicorn.log"
        command = [sys.executable, "-m", "gunicorn", "--workers=2", f"--bind=unix:{self.path}"]
        command += ["--chdir", str(EXAMPLE), "--no-control-socket", *flags, "shop.wsgi"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=env, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(30)
            connection.sock.connect(str(self.path))
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/items?user_id=x")[0] == 400
        except OSError:
            return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise


@contextmanager
def running(folder: Path, env: dict[str, str], *flags: str) -> Iterator[Site]:
    site = Site(folder, env, *flags)
    try:
        wait_until(site.is_ready, STARTS_WITHIN_S)
        yield site
    finally:
        site.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short enough for the path of a socket.
    with tempfile.TemporaryDirectory(prefix="molt-web-", dir="/tmp") as made:
        yield Path(made)


def _environment(database: str, worker: str) -> dict[str, str]:
    return environment() | {
        "MOLT_EXAMPLE_DATABASE": database,
        "MOLT_EXAMPLE_WORKER": worker,
        "MOLT_EXAMPLE_FALLBACK": "0",
        "MOLT_WORKER_BINARY": str(worker_binary()),
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("python")),
    }


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        where = str(folder / "example.db")
    else:
        where = str(request.getfixturevalue("pg_url"))
    env = _environment(where, "inprocess")
    _manage("migrate", "--verbosity=0", env=env)
    _manage("seed", "--items=2000", "--users=7", env=env)
    return where


def _worker_environment(database: str) -> dict[str, str]:
    if database.startswith("postgresql://"):
        return {"MOLT_DB_POSTGRES_DSN": database}
    return {"MOLT_DB_SQLITE_PATH": database}


def compare(site: Site, seed: int) -> None:
    """Bodies and statuses of both views, for random questions."""
    for question in questions(QUESTIONS, seed):
        assert site.get(f"/items?{question}") == site.get(f"/items/orm?{question}"), question


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("worker", ["inprocess", "stdio"])
def test_both_views_answer_the_same(
    folder: Path, database: str, worker: str, preload: bool
) -> None:
    with running(folder, _environment(database, worker), *["--preload"] * preload) as site:
        compare(site, seed=3)


def test_both_views_answer_the_same_through_one_worker(folder: Path, database: str) -> None:
    path = folder / "w.sock"
    worker = Worker("--socket", path, env=_worker_environment(database))
    with worker:
        worker.connect(path).close()
        with running(folder, _environment(database, f"unix://{path}")) as site:
            compare(site, seed=4)
            worker.signal(signal.SIGKILL)
            worker.wait()
            assert site.get("/items?user_id=1")[0] == 503
            assert site.get("/items/orm?user_id=1")[0] == 200


def test_workers_of_ones_own_end_with_the_site(folder: Path) -> None:
    where = str(folder / "example.db")
    env = _environment(where, "stdio")
    _manage("migrate", "--verbosity=0", env=env)
    _manage("seed", "--items=50", "--users=2", env=env)
    with running(folder, env) as site:
        for _ in range(8):
            assert site.get("/items?user_id=1")[0] == 200
        started = _workers_of(where)
        assert 1 <= len(started) <= 2
        # One that is killed is started anew by the next request.
        os.kill(started[0], signal.SIGKILL)
        for _ in range(8):
            assert site.get("/items?user_id=1")[0] == 200
    wait_until(lambda: not _workers_of(where), 10)


def _workers_of(database: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            its_environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"--stdio" in command and database.encode() in its_environment:
            found.append(int(process.name))
    return found
