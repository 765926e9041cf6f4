"""A private PostgreSQL server, made and removed by the tests.

    python tests/servers/postgres.py run -- COMMAND...

starts one, runs the command with it in the environment, and removes it:

- MOLT_TEST_POSTGRES: what libpq needs to connect as the ordinary role molt over a Unix socket;
- MOLT_TEST_POSTGRES_TLS: the same over TCP, verifying the server's certificate;
- MOLT_TEST_POSTGRES_DIR: the server's folder, with the certificates of certificates.py;
- MOLT_TEST_POSTGRES_PORT: its port, of the socket and of 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

if not __package__:  # run as a program
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from servers.certificates import make_certificates
from servers.processes import (
    Program,
    ServerError,
    find_program,
    free_port,
    give,
    quoted,
    run,
)

MAJOR_MIN = 15
PACKAGE = "postgresql"
PASSWORD = "p#a%s s@/w:rd"  # of all ordinary roles; what clients must quote is in it

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
    # Not synchronous_commit: what was committed must survive an immediate restart.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_prepared_transactions": "10",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "ssl": "on",
}

# Over the socket whoever reaches the folder may be anyone; over TCP as in earnest.
HBA = """
local   all all                    trust
hostssl all molt_cert 127.0.0.1/32 cert
host    all all       127.0.0.1/32 scram-sha-256
"""

Tls = Literal["disable", "require", "verify-ca", "verify-full"]
Mode = Literal["smart", "fast", "immediate"]
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresAddress:
    """Where a server is and how to connect to it, whoever started it.

    Roles: `postgres`, a superuser, without a password, so over the socket only; `molt`, an
    ordinary one that owns the database `molt`; `molt_cert`, which needs the client certificate.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Self:
        try:
            return cls(Path(env["MOLT_TEST_POSTGRES_DIR"]), int(env["MOLT_TEST_POSTGRES_PORT"]))
        except KeyError as error:
            raise ServerError(
                f"MOLT_TEST_POSTGRES is set, {error} is not. All of them are under"
                " `python tests/servers/postgres.py run -- COMMAND...`; unset it for a server that"
                " is made as it is needed."
            ) from error

    def environment(self) -> dict[str, str]:
        return {
            "MOLT_TEST_POSTGRES": self.conninfo(),
            "MOLT_TEST_POSTGRES_TLS": self.conninfo(tls="verify-full"),
            "MOLT_TEST_POSTGRES_DIR": str(self.folder),
            "MOLT_TEST_POSTGRES_PORT": str(self.port),
        }

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    @property
    def tcp(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def wrong_ca(self) -> Path:
        return self.folder / "wrong_ca.crt"

    def parameters(
        self, user: str = "molt", dbname: str = "molt", tls: Tls | None = None, **more: object
    ) -> dict[str, object]:
        """libpq's keywords. Without `tls` over the socket, with it over TCP; `more` wins."""
        found: dict[str, object] = {"host": self.folder, "port": self.port}
        found |= {"user": user, "dbname": dbname}
        if tls is not None:
            found |= {"host": "localhost", "password": PASSWORD, "sslmode": tls}
            if tls != "disable":
                found["sslrootcert"] = self.ca
        if tls is not None and user == "molt_cert":
            del found["password"]
            found |= {"sslcert": self.folder / "client.crt", "sslkey": self.folder / "client.key"}
        return found | more

    def conninfo(
        self, user: str = "molt", dbname: str = "molt", tls: Tls | None = None, **more: object
    ) -> str:
        return quoted(self.parameters(user, dbname, tls, **more))

    def superuser_conninfo(self, dbname: str = "postgres", **more: Any) -> str:
        return self.conninfo("postgres", dbname, **more)

    def url(
        self, user: str = "molt", dbname: str = "molt", tls: Tls | None = None, **more: object
    ) -> str:
        """The same as a postgresql:// URL."""
        rest = {
            name: str(value) for name, value in self.parameters(user, dbname, tls, **more).items()
        }
        login = quote(rest.pop("user"), safe="")
        if "password" in rest:
            login += ":" + quote(rest.pop("password"), safe="")
        at = ""
        if not rest["host"].startswith("/"):
            at = f"{rest.pop('host')}:{rest.pop('port')}"
        dbname = quote(rest.pop("dbname"), safe="")
        query = urlencode(rest, quote_via=quote)
        return f"postgresql://{login}@{at}/{dbname}" + (f"?{query}" if query else "")

    def run_sql(self, sql: str, dbname: str = "postgres") -> str:
        """Runs a script as the superuser, each statement on its own; what its rows hold."""
        psql = find_program("psql", PACKAGE, [programs()])
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        conninfo = self.superuser_conninfo(dbname, connect_timeout=10)
        return run([psql, *options, "-d", conninfo], text=sql).rstrip("\n")

    def kill9_backend(self, pid: int) -> None:
        """The server then ends all sessions and recovers, which takes it a moment."""
        status = Path(f"/proc/{pid}/status").read_text()
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        assert f"PPid:\t{postmaster}\n" in status, f"{pid} is not a process of this server"
        os.kill(pid, signal.SIGKILL)


class PostgresServer(PostgresAddress):
    """A server that is ours: it may be stopped, restarted and broken. To be used with `with`."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """`settings`, as in postgresql.conf, in place of SETTINGS or beside them."""
        initdb = find_program("initdb", PACKAGE, [programs()])  # before anything is made
        self._program = Program("molt-pg-")
        try:
            super().__init__(self._program.folder, free_port())
            self._data = self.folder / "data"
            self._program.command = self._command(dict(settings or {}))
            make_certificates(self.folder)
            options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]
            run([initdb, "-D", self._data, "--locale=C.UTF-8", "--no-instructions", *options])
            hba = self._data / "pg_hba.conf"
            hba.write_text(HBA)
            give(hba)
        except BaseException:
            self._program.close()
            raise

    def _command(self, settings: dict[str, str]) -> list[str | Path]:
        files = {
            "ssl_ca_file": str(self.ca),
            "ssl_cert_file": str(self.folder / "server.crt"),
            "ssl_key_file": str(self.folder / "server.key"),
        }
        command: list[str | Path] = [programs() / "postgres", "-D", self._data]
        command += ["-k", self.folder, "-p", str(self.port)]
        for name, value in (SETTINGS | files | settings).items():
            command += ["-c", f"{name}={value}"]
        return command

    @property
    def log(self) -> Path:
        return self._program.log

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return self._program.pid

    def start(self) -> None:
        """Returns when the server takes connections."""
        self._program.start(self._is_ready, LC_ALL="C")

    def stop(self, mode: Mode = "fast") -> None:
        """fast: sessions are ended; immediate: as in a crash; smart: waits for sessions to end."""
        self._program.stop(SIGNALS[mode])

    def restart(self, immediate: bool = False) -> None:
        self.stop("immediate" if immediate else "fast")
        self.start()

    def close(self) -> None:
        self.stop("immediate")
        self._program.close()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.run_sql(f"""
                create role molt login password '{PASSWORD}';
                create role molt_cert login;
                create database molt owner molt;
            """)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The file of a server that was killed is there until the new one writes its own.
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


@cache
def programs() -> Path:
    """The folder of initdb and postgres, of the newest version that is installed."""
    found = {}
    for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"):
        if (major := path.parts[-3]).isdigit():
            found[int(major)] = path.parent
    if found and max(found) >= MAJOR_MIN:
        return found[max(found)]
    initdb = find_program("initdb", PACKAGE).resolve()
    version = re.search(r"\d+", run([initdb, "--version"]))
    if version is None or int(version.group()) < MAJOR_MIN:
        raise ServerError(f"PostgreSQL {MAJOR_MIN} or newer is needed, not that of {initdb}")
    return initdb.parent


def run_with_server(command: list[str]) -> int:
    """Runs the command under a server, a new one unless there is one; its exit code."""
    if "MOLT_TEST_POSTGRES" in os.environ:
        return subprocess.call(command)
    running: list[subprocess.Popen[bytes]] = []
    asked_to_end = False

    def end(*_: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        for process in running:
            process.terminate()

    # A SIGTERM is passed on; Ctrl-C reaches the command by itself. Either way it is waited for.
    signal.signal(signal.SIGTERM, end)
    with PostgresServer() as server:
        signal.signal(signal.SIGINT, lambda *_: None)
        running.append(subprocess.Popen(command, env=os.environ | server.environment()))
        if asked_to_end:  # before there was a command
            end()
        code = running[0].wait()
    return code if code >= 0 else 128 - code


def main() -> None:
    match sys.argv[1:]:
        case ["run", "--", _, *_]:
            try:
                sys.exit(run_with_server(sys.argv[3:]))
            except ServerError as error:
                sys.exit(str(error))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
