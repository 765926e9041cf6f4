"""A molt-worker for a benchmark, on a Unix socket or on stdio, and what the kernel says of it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_UNIX, socket

from pg_floor import NotBuiltError

from molt_sql._worker import worker_binary

ROOT = Path(__file__).parent.parent
STARTS_WITHIN_S = 15
ENDS_WITHIN_S = 15
OPEN_FILES = 4096
"""Of worker and load: 1,000 connections are more than the 1,024 that many shells allow."""


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[bytes]
    socket: Path | None
    """None: its stdin and stdout are pipes of the process."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def url(self, alias: str = "default") -> str:
        return f"molt+unix://{self.socket}?alias={alias}"

    def rss_bytes(self) -> int:
        return status_bytes("VmRSS", self.pid)

    def switches(self) -> int:
        """How often its threads were taken off a core: of their own accord, or not."""
        count = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if "voluntary_ctxt_switches:" in line:
                    count += int(line.split()[1])
        return count


@contextmanager
def running(
    databases: Mapping[str, str], *flags: str, transport: str = "socket"
) -> Iterator[Worker]:
    """A worker whose aliases are these URLs, and that has answered a ping; ended with SIGTERM."""
    _allow_open_files()
    with tempfile.TemporaryDirectory(prefix="molt-bench-") as folder:
        config = Path(folder) / "worker.toml"
        lines = [f"{name} = {json.dumps(url)}" for name, url in databases.items()]
        config.write_text("\n".join(["[databases]", *lines]))
        path = Path(folder) / "worker.sock" if transport == "socket" else None
        log = Path(folder) / "stderr"
        process = _start(["--config", str(config), *flags], path, log)
        try:
            if path is not None:
                with _connected(process, path) as client:
                    _ping(client.fileno(), client.fileno())
            else:
                assert process.stdin is not None
                assert process.stdout is not None
                _ping(process.stdout.fileno(), process.stdin.fileno())
            yield Worker(process, path)
        finally:
            if _end(process) != 0:
                print(f"molt-worker: exit status {process.returncode}\n{log.read_text()}")


def status_bytes(key: str, pid: int | str = "self") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def _start(flags: Sequence[str], path: Path | None, log: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.DEVNULL if path else subprocess.PIPE
    with log.open("wb") as stderr:
        return subprocess.Popen(
            [_binary(), *flags, *(["--socket", str(path)] if path else ["--stdio"])],
            stdin=pipe,
            stdout=pipe,
            stderr=stderr,
            env={name: text for name, text in os.environ.items() if not name.startswith("MOLT_")},
        )


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        return process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _binary() -> str:
    named = worker_binary()
    found = shutil.which(named)
    if found is None:
        raise NotBuiltError(f"there is no worker at {named}; make setup builds it")
    return found


def _connected(process: subprocess.Popen[bytes], path: Path) -> socket:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        client = socket(AF_UNIX)
        try:
            client.connect(str(path))
            return client
        except OSError as error:
            client.close()
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("molt-worker does not start") from error
        time.sleep(0.005)


def _ping(read_fd: int, write_fd: int) -> None:
    body = b'{"request_id":1,"entry":"__ping__","timeout_ms":0,"codec":"raw"}'
    os.write(write_fd, struct.pack("<I", len(body)) + body)
    (size,) = struct.unpack("<I", _read(read_fd, 4))
    if json.loads(_read(read_fd, size))["status"] != "Ok":
        raise RuntimeError("molt-worker does not answer a ping")


def _read(fd: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = os.read(fd, size - len(got))
        if not more:
            raise RuntimeError("molt-worker does not start")
        got += more
    return got


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
