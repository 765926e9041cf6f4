"""PgBouncer in transaction mode before a test server: every transaction may get another session."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from servers.postgres import PASSWORD, PostgresAddress
from servers.processes import Program, find_program, free_port, give

SETTINGS = {
    "listen_addr": "127.0.0.1",
    "pool_mode": "transaction",
    # Few, so that clients do share sessions.
    "default_pool_size": "4",
    "max_client_conn": "200",
    "auth_type": "trust",
    "admin_users": "postgres",
    "ignore_startup_parameters": "extra_float_digits",
    "client_tls_sslmode": "allow",
    # It closes what it opened, so that databases can be dropped.
    "server_idle_timeout": "1",
    "query_wait_timeout": "30",
}


class PgBouncer(PostgresAddress):
    """Takes the roles molt and postgres without a password, also over TCP. To be used with `with`."""

    def __init__(self, behind: PostgresAddress, settings: Mapping[str, str] | None = None) -> None:
        """`settings`, as in the section [pgbouncer], in place of SETTINGS or beside them."""
        program = find_program("pgbouncer", "pgbouncer")  # before anything is made
        self._program = Program("molt-pgb-")
        try:
            super().__init__(self._program.folder, free_port())
            self._program.command = [program, self._configure(behind, dict(settings or {}))]
        except BaseException:
            self._program.close()
            raise

    def _configure(self, behind: PostgresAddress, settings: dict[str, str]) -> Path:
        # Its TLS is that of the server. What is read by it is its own.
        for name in ("ca.crt", "server.crt", "server.key"):
            self._write(name, (behind.folder / name).read_text())
        users = "".join(f'"{user}" "{PASSWORD}"\n' for user in ("molt", "postgres"))
        wanted = {
            "listen_port": str(self.port),
            "unix_socket_dir": str(self.folder),
            "auth_file": str(self._write("users.txt", users)),
            "client_tls_ca_file": str(self.ca),
            "client_tls_cert_file": str(self.folder / "server.crt"),
            "client_tls_key_file": str(self.folder / "server.key"),
        }
        lines = ["[databases]", f"* = host={behind.folder} port={behind.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in (SETTINGS | wanted | settings).items()]
        return self._write("pgbouncer.ini", "\n".join(lines) + "\n")

    @property
    def log(self) -> Path:
        return self._program.log

    @property
    def pid(self) -> int:
        return self._program.pid

    def start(self) -> None:
        """Returns when it takes connections."""
        self._program.start(self._is_ready)

    def stop(self) -> None:
        """At once: its clients lose their connections."""
        # It has no handler for SIGQUIT, which a test run in the background may have it ignore.
        self._program.stop(signal.SIGKILL)
        self.socket.unlink(missing_ok=True)

    def close(self) -> None:
        self.stop()
        self._program.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_INET) as tcp, socket.socket(socket.AF_UNIX) as unix:
            return tcp.connect_ex(self.tcp) == 0 and unix.connect_ex(str(self.socket)) == 0

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        give(path)
        return path
