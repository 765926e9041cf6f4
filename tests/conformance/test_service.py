"""Under a service manager: sockets that it passes, and what it is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.client import Channel, Client
from conformance.test_cli import run
from conformance.test_prometheus import get
from servers.worker import worker_command, worker_environment

pytestmark = pytest.mark.usefixtures("program")

# Does what a service manager does: puts the sockets at 3 and up, says so, and becomes the worker.
LAUNCH = """
import os, sys
given = [int(fd) for fd in sys.argv[1].split(",") if fd]
high = [os.dup2(fd, 100 + i, inheritable=False) for i, fd in enumerate(given)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""

Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="molt-sock-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def launch() -> Iterator[Launch]:
    processes: list[subprocess.Popen[str]] = []

    def start(
        *args: object, sockets: list[socket.socket], env: Mapping[str, object] | None = None
    ) -> subprocess.Popen[str]:
        fds = [each.fileno() for each in sockets]
        more = {"LISTEN_FDS": len(fds)} | dict(env or {})
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", LAUNCH, ",".join(map(str, fds)), *worker_command()]
                + [str(arg) for arg in args],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env=worker_environment(more),
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def connect(path: Path) -> Client:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    fd = connection.detach()
    return Client(Channel(fd, fd), "msgpack")


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(10)


def test_a_socket_that_is_passed_is_served_and_left(place: Path, launch: Launch) -> None:
    path = place / "worker.sock"
    with listen(path) as listener:
        # Who comes before the worker has started waits for it.
        client = connect(path)
        process = launch(sockets=[listener])
        client.ping()
        assert client.call("health").status == "Ok"
        client.close()
        assert end(process) == 0
        assert path.exists()
        again = connect(path)
        launch(sockets=[listener])
        again.ping()
        again.close()


def test_several_sockets_and_one_for_metrics(place: Path, launch: Launch) -> None:
    names = ["first", "second", "metrics"]
    listeners = [listen(place / name) for name in names]
    process = launch(sockets=listeners, env={"LISTEN_FDNAMES": ":".join(names)})
    for name in names[:2]:
        client = connect(place / name)
        client.ping()
        client.close()
    head, body = get(place / "metrics")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"molt_requests_total" in body
    assert end(process) == 0
    for listener in listeners:
        listener.close()


def test_a_socket_of_its_own_is_served_beside_it(place: Path, launch: Launch) -> None:
    with listen(place / "passed") as listener:
        process = launch("--socket", place / "own", sockets=[listener])
        client = connect(place / "passed")
        client.ping()
        client.close()
        client = connect(place / "own")
        client.ping()
        client.close()
        assert end(process) == 0
    assert not (place / "own").exists()


def test_sockets_of_another_process_are_not_taken(place: Path) -> None:
    code, _, err = run(LISTEN_PID=1, LISTEN_FDS=1)
    assert code > 0
    assert "--socket" in err


@pytest.mark.parametrize("kind", ["tcp", "datagram", "no listener"])
def test_what_is_no_socket_that_listens_is_refused(place: Path, launch: Launch, kind: str) -> None:
    if kind == "tcp":
        passed = socket.create_server(("127.0.0.1", 0))
    else:
        passed = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
        )
        passed.bind(str(place / "socket"))
    with passed:
        process = launch(sockets=[passed])
        assert process.wait(10) > 0
        assert process.stderr is not None
        assert "descriptor 3" in process.stderr.read()


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_service_manager_is_told_how_far_it_is(
    place: Path, launch: Launch, is_abstract: bool
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        name = f"@molt-test-{os.getpid()}" if is_abstract else str(place / "notify")
        notified.bind(name.replace("@", "\0") if is_abstract else name)
        notified.settimeout(10)
        with listen(place / "worker.sock") as listener:
            process = launch(sockets=[listener], env={"NOTIFY_SOCKET": name})
            assert notified.recv(4096) == b"READY=1"
            process.send_signal(signal.SIGHUP)
            reloading = notified.recv(4096).decode().splitlines()
            assert reloading[0] == "RELOADING=1"
            assert reloading[1].startswith("MONOTONIC_USEC=")
            assert notified.recv(4096) == b"READY=1"
            assert end(process) == 0
            assert notified.recv(4096) == b"STOPPING=1"
