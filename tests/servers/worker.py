"""A molt-worker of the tests: started with a bound, its end sure, its messages kept.

    with Worker("--stdio", env={"MOLT_DB_SQLITE_PATH": path}) as worker:
        os.write(worker.stdin, …)

The binary lies beside the running Python, or MOLT_WORKER_BINARY names it. Within
`running_as("python")` it is `python -m molt_worker` instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, Self

from servers.processes import SLOWER, Guard, ServerError, environment, wait_until

WORKER_STARTS_WITHIN_S = 15.0
WORKER_ENDS_WITHIN_S = 15.0 * SLOWER


def worker_binary() -> Path:
    """Raises ServerError, with what to do, if it is not there."""
    named = os.environ.get("MOLT_WORKER_BINARY")
    path = Path(named) if named else Path(sys.executable).with_name("molt-worker")
    if not os.access(path, os.X_OK):
        raise ServerError(
            f"There is no worker at {path}. Build it (make test does), or name another in"
            " MOLT_WORKER_BINARY."
        )
    return path


Program = Literal["molt-worker", "python"]
PROGRAMS: tuple[Program, Program] = ("molt-worker", "python")
_program: ContextVar[Program] = ContextVar("program", default="molt-worker")


@contextmanager
def running_as(program: Program) -> Iterator[None]:
    """Workers that are started meanwhile are this program."""
    token = _program.set(program)
    try:
        yield
    finally:
        _program.reset(token)


def worker_command() -> list[str]:
    """What starts a worker, before its arguments."""
    if _program.get() == "python":
        return [sys.executable, "-m", "molt_worker"]
    return [str(worker_binary())]


def worker_environment(more: Mapping[str, object]) -> dict[str, str]:
    """Ours, without what would configure a worker, and `more`."""
    clean = {name: text for name, text in environment().items() if not name.startswith("MOLT_")}
    return clean | {name: str(value) for name, value in more.items()}


class Worker:
    """A process. With `--stdio` in the arguments its stdin and stdout are pipes of the caller's."""

    def __init__(self, *args: object, env: Mapping[str, object] | None = None) -> None:
        command = worker_command()
        self.folder = Path(tempfile.mkdtemp(prefix="molt-worker-", dir="/tmp"))
        # On stdio it ends by itself when this process is gone, as its input then does.
        self._guard = None if "--stdio" in args else Guard(self.folder)
        self._log = self.folder / "stderr"
        pipe = subprocess.PIPE if "--stdio" in args else subprocess.DEVNULL
        try:
            with self._log.open("wb") as log:
                self.process = subprocess.Popen(
                    [*command, *map(str, args)],
                    stdin=pipe,
                    stdout=pipe,
                    stderr=log,
                    env=worker_environment(env or {}),
                    start_new_session=True,
                )
        except OSError as error:
            self._forget()
            raise ServerError(f"{command[0]} cannot be started: {error}") from error
        if self._guard is not None:
            self._guard.watch(self.process.pid)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def take_pipes(self) -> tuple[int, int]:
        """Its stdout to read and its stdin to write, from now on the caller's to close."""
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        fds = os.dup(self.process.stdout.fileno()), os.dup(self.process.stdin.fileno())
        self.process.stdout.close()
        self.process.stdin.close()
        return fds

    def wait(self, seconds: float = WORKER_ENDS_WITHIN_S) -> int:
        """Its exit code; negative is the signal that ended it."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ServerError(
                f"The worker did not end within {seconds} s\n{self.stderr}"
            ) from error

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def connect(self, path: Path) -> socket.socket:
        """To its socket, as soon as it listens; a worker that ended is an error with its log."""
        found: list[socket.socket] = []

        def listens() -> bool:
            if not self.is_running:
                code = self.process.returncode
                raise ServerError(f"The worker ended with {code}\n{self.stderr}")
            attempt = socket.socket(socket.AF_UNIX)
            try:
                attempt.connect(str(path))
            except OSError:
                attempt.close()
                return False
            found.append(attempt)
            return True

        wait_until(listens, WORKER_STARTS_WITHIN_S, f"the worker listens\n{self.stderr}")
        return found[0]

    def rss_bytes(self) -> int:
        """The memory that it has in use now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """Ends it, whatever it does, and forgets its messages."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        if self.is_running:
            self.process.kill()
        self.process.wait()
        if self._guard is not None:
            self._guard.watch(0)
        self._forget()

    def _forget(self) -> None:
        if self._guard is not None:
            self._guard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
