"""What all servers of the tests need: a folder, a port, an unprivileged user, a sure end."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 30
SLOWER = float(os.environ.get("MOLT_TESTS_SLOWER", "1"))
"""How many times as slow as usual is what the tests run, a worker under ThreadSanitizer for one:
bounds of time, after which something counts as lost or late, are multiplied by it."""


class ServerError(Exception):
    """A server is not installed, does not start or does not stop; the message says what to do."""


def unprivileged() -> dict[str, Any]:
    """For subprocess, who is to run the server: root must not, anyone else may."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise ServerError("The servers do not run as root, and there is no user postgres or nobody")


def give(path: Path) -> None:
    """Makes the user that runs the servers own `path`."""
    if user := unprivileged():
        os.chown(path, user["user"], user["group"])


def private_folder(prefix: str) -> Path:
    """Always in /tmp: the name of a Unix socket may have 107 bytes only, and every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    give(folder)
    return folder


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would make PostgreSQL's programs do something else."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | more


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Below those that Linux gives to outgoing connections: a server that is restarted finds it free
    again, and a client that tries in between does not meet itself.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("No port of 127.0.0.1 is free between 20000 and 32000")


def wait_until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    seconds *= SLOWER
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"Not within {seconds} s: {what or condition}")
        time.sleep(0.005)


def run(command: Sequence[str | Path], *, text: str = "", as_self: bool = False) -> str:
    """Runs a program that ends by itself, as the servers' user; its standard output."""
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=environment(LC_ALL="C"),
            timeout=STARTS_WITHIN_S,
            **({} if as_self else unprivileged()),
        )
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"{command[0]} did not end within {STARTS_WITHIN_S} s") from error
    if done.returncode != 0:
        raise ServerError(f"{command[0]} failed with {done.returncode}:\n{done.stderr}")
    return done.stdout


class Guard:
    """Sees to it that a folder and the server in it do not outlive this process."""

    def __init__(self, folder: Path) -> None:
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__).with_name("watchdog.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # neither Ctrl-C nor the end of a terminal are for it
        )

    def watch(self, process: int) -> None:
        """Replaces what was watched before; 0 for nothing."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(b"%d\n" % process)
        self._watchdog.stdin.flush()

    def close(self) -> None:
        """Ends what is watched, removes the folder."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait(STOPS_WITHIN_S)


class Program:
    """A server program in the foreground, which may be started again after it has ended.

    It has a folder of its own from the beginning, until close().
    """

    def __init__(self, prefix: str) -> None:
        self.command: Sequence[str | Path] = ()  # to be set before the start
        self.folder = private_folder(prefix)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._guard = Guard(self.folder)
        except BaseException:
            self.folder.rmdir()
            raise

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.command[0]} is not running")
        return self._process.pid

    def start(self, ready: Callable[[], object], **env: str) -> None:
        """Returns when `ready`; a program that ends instead is an error with its log."""
        assert self._process is None, "it is running"
        with self.log.open("ab") as log:
            process = self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(**env),
                start_new_session=True,
                **unprivileged(),
            )
        self._guard.watch(process.pid)
        try:
            wait_until(lambda: process.poll() is not None or ready(), STARTS_WITHIN_S)
            if process.returncode is not None:
                raise ServerError(f"It ended with {process.returncode}")
        except ServerError as error:
            self.stop(signal.SIGKILL)
            tail = self.log.read_text(errors="replace")[-4000:]
            raise ServerError(f"{self.command[0]} does not start. {error}\n{tail}") from error

    def stop(self, how: signal.Signals) -> None:
        """Returns when the program has ended, by SIGKILL if `how` does not do it in time."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._guard.watch(0)

    def close(self) -> None:
        """To be called once, after stop()."""
        self._guard.close()


def find_program(name: str, package: str, folders: Sequence[str | Path] = ()) -> Path:
    """Looks in `folders`, then on PATH, then where Debian puts servers."""
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin"])
    if found := shutil.which(name, path=path):
        return Path(found)
    raise ServerError(
        f"{name} was not found, which these tests need. Install it with:\n"
        f"  sudo apt-get update && sudo apt-get install -y {package}"
    )


def quoted(parameters: Mapping[str, object]) -> str:
    """Keywords and values as libpq reads them."""

    def value(text: str) -> str:
        text = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{text}'" if not text or " " in text or "'" in text else text

    return " ".join(f"{name}={value(str(given))}" for name, given in parameters.items())
