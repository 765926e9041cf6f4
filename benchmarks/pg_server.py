"""The PostgreSQL server that is measured: a private one, or the one that $PG names.

The private server runs for one bench only, as an unprivileged user, on a Unix socket of its own.
Its data stay under benchmarks/.cache, so the tables are made once.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import data

MAJOR = 15
"""What the figures are compared on; another version works, and the results name it."""

SETTINGS = {
    "shared_buffers": "2GB",
    "fsync": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # Nothing in the background while a client is timed.
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}
PORT = 5432  # of the socket's name only
READY_WITHIN_S = 60
STOPPED_WITHIN_S = 120


@dataclass(frozen=True)
class Server:
    url: str
    """Of an ordinary role that may create tables; libpq, its followers and molt_sql take it."""
    about: str
    """Version and settings, for the reader of the figures."""

    def events(self, rows: int) -> str:
        """The name of a table of `rows` events, made on first use, vacuumed and analyzed."""
        table = f"molt_bench_events_{rows}"
        with connect(self.url) as connection:
            if connection.execute("select to_regclass(%s)", [table]).fetchone()[0] is None:
                print(f"Making {table}", flush=True)
                sql = Path(__file__).with_name("pg_events.sql").read_text()
                with connection.transaction():
                    connection.execute(sql.format(table=table, rows=rows))
                connection.execute(f"vacuum (freeze, analyze) {table}")
        return table


def connect(url: str) -> Any:
    """For what is not timed: one autocommit connection of psycopg, a context manager."""
    try:
        import psycopg
    except ImportError as error:
        raise SystemExit(f"The PostgreSQL benchmarks need psycopg: {error}") from error
    return psycopg.connect(url, autocommit=True)


@contextmanager
def running() -> Iterator[Server]:
    """$PG, a postgresql:// URL, or else the private server, stopped at the end."""
    with ExitStack() as stack:
        url = os.environ.get("PG") or stack.enter_context(_private())
        yield Server(url, _about(url))


def _about(url: str) -> str:
    with connect(url) as connection:
        values = [f"{name} {connection.execute(f'show {name}').fetchone()[0]}" for name in SETTINGS]
        (version,) = connection.execute("show server_version").fetchone()
    return f"PostgreSQL {version}, {', '.join(values)}"


@contextmanager
def _private() -> Iterator[str]:
    """Yields the URL of the role `bench`, which owns the database `bench`."""
    programs = _programs()
    data.CACHE.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_alone(data.CACHE / "pg.lock"))
        cluster = _cluster(programs)
        # Not below the cache: the name of a socket may have 107 bytes only.
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="molt-bench-")))
        _give(sockets)
        process = _start(programs, cluster, sockets)
        stack.callback(_stop, process)
        _wait_until_ready(process, _url(sockets, "postgres", "postgres"))
        _make_role(_url(sockets, "postgres", "postgres"))
        yield _url(sockets, "bench", "bench")


def _url(sockets: Path, database: str, user: str) -> str:
    return f"postgresql:///{database}?host={quote(str(sockets))}&port={PORT}&user={user}"


def _programs() -> Path:
    """The folder of initdb and postgres: version 15 if there is one, else the newest."""
    found = {}
    for path in Path("/usr/lib/postgresql").glob("*/bin/postgres"):
        found[int(path.parts[-3])] = path.parent
    if found:
        return found.get(MAJOR) or found[max(found)]
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise SystemExit(
        "No PostgreSQL server was found. Install postgresql, or name one: PG=postgresql://…"
    )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One run at a time has the private server."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another run to end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _cluster(programs: Path) -> Path:
    """The data directory, made on first use; a server that a killed run left behind is stopped."""
    version = subprocess.run([programs / "postgres", "-V"], capture_output=True, text=True)
    match = re.search(r"\d+", version.stdout)
    cluster = data.CACHE / f"pg{match.group() if match else ''}-v1"
    if (cluster / "postmaster.pid").exists():
        command = [programs / "pg_ctl", "stop", "-D", cluster, "-m", "fast"]
        subprocess.run(command, capture_output=True, check=False, cwd="/", **_user())
    if not cluster.exists():
        print(f"Making {cluster}", flush=True)
        unfinished = cluster.with_suffix(".making")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give(unfinished)
        command = [programs / "initdb", "-D", unfinished, "--username=postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **_user())
        if done.returncode != 0:
            raise SystemExit(f"initdb failed; PG=postgresql://… names a server.\n{done.stderr}")
        unfinished.rename(cluster)
    return cluster


def _start(programs: Path, cluster: Path, sockets: Path) -> subprocess.Popen[bytes]:
    command = [programs / "postgres", "-D", cluster, "-k", sockets, "-p", str(PORT), "-h", ""]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    # A session of its own: Ctrl-C is for the benchmark, which then stops the server.
    with cluster.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd="/", start_new_session=True, **_user()
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # its "fast" shutdown
    try:
        process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)  # "immediate": it recovers at the next start
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    import psycopg

    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            connect(url).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The server does not start: see {data.CACHE}/pg*.log") from error
            time.sleep(0.05)


def _make_role(url: str) -> None:
    """Not a superuser: that is what applications connect as."""
    with connect(url) as connection:
        if connection.execute("select from pg_roles where rolname = 'bench'").fetchone() is None:
            connection.execute("create role bench login")
        if connection.execute("select from pg_database where datname = 'bench'").fetchone() is None:
            connection.execute("create database bench owner bench")


def _user() -> dict[str, Any]:
    """For subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _give(folder: Path) -> None:
    user = _user()
    if user:
        os.chown(folder, user["user"], user["group"])
