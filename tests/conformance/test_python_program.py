"""`python -m molt_worker`: what is special when the worker shares its process with Python."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.conftest import Running, Start
from conformance.data import ENDLESS
from conformance.test_process import ENDS_WITHIN_S
from conformance.test_reload import LOADED
from servers.processes import wait_until
from servers.worker import running_as, worker_environment

# Runs before anything else does, as a profiler or a debugger would: a thread that blocks no signal,
# and text that waits in Python's own buffer for stdout.
BEFORE = """
import signal, sys, threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
sys.stdout.write("printed before the worker")
signal.signal(signal.SIGHUP, lambda *_: sys.stderr.write("Python's own handler ran"))
"""


@pytest.fixture(autouse=True)
def as_python() -> Iterator[None]:
    with running_as("python"):
        yield


@pytest.fixture
def crowded(start: Start, items_path: Path, tmp_path: Path) -> Running:
    """On stdio, in a process that was busy before."""
    (tmp_path / "sitecustomize.py").write_text(BEFORE)
    env = {"MOLT_DB_SQLITE_PATH": items_path, "PYTHONPATH": tmp_path, "PYTHONUNBUFFERED": ""}
    return start("--threads", 1, transport="stdio", env=env)


def pythons_thread(pid: int) -> int:
    """The one that does not block SIGTERM; those of the worker do."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        (blocked,) = re.findall(r"^SigBlk:\t(\w+)$", (task / "status").read_text(), re.MULTILINE)
        if not int(blocked, 16) >> (signal.SIGTERM - 1) & 1:
            return int(task.name)
    raise AssertionError("all threads block the signals")


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
@pytest.mark.parametrize("to", ["process", "thread"])
def test_a_signal_ends_the_worker_whichever_thread_has_it(
    crowded: Running, which: signal.Signals, to: str
) -> None:
    client = crowded.client()
    for _ in range(5):
        client.send("db_query", {"sql": ENDLESS})
    client.ping()
    pid = crowded.worker.pid
    thread = pythons_thread(pid)
    began = time.monotonic()
    if to == "thread":
        # The kernel may choose it as well; so it does for certain.
        assert ctypes.CDLL(None).tgkill(pid, thread, which) == 0
    else:
        crowded.worker.signal(which)
    assert crowded.worker.wait() == 0
    assert time.monotonic() - began < ENDS_WITHIN_S
    assert "KeyboardInterrupt" not in crowded.worker.stderr


def test_a_handler_of_pythons_is_replaced(crowded: Running) -> None:
    client = crowded.client()
    client.ping()
    for _ in range(10):
        crowded.worker.signal(signal.SIGHUP)
        client.ping()
    # A worker that ends does not wait for what it is loading.
    wait_until(lambda: LOADED in crowded.worker.stderr, what=f"the worker says it {LOADED}")
    client.channel.end_input()
    client.expect_closed()
    assert crowded.worker.wait() == 0
    assert LOADED in crowded.worker.stderr
    assert "Python's own handler ran" not in crowded.worker.stderr


def test_what_python_printed_before_is_not_among_the_frames(crowded: Running) -> None:
    client = crowded.client()
    ids = [client.send("db_query", {"sql": f"select {n} as n"}) for n in range(20)]
    assert [reply.value["rows"] for reply in client.replies_to(ids)] == [[[n]] for n in range(20)]
    client.channel.end_input()
    client.expect_closed()
    assert crowded.worker.wait() == 0
    assert "printed before the worker" in crowded.worker.stderr


def test_importing_starts_no_thread_opens_no_file_and_leaves_signals_alone() -> None:
    code = """
import os, signal
def state():
    status = open("/proc/self/status").read().splitlines()
    return (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")),
            [line for line in status if line.startswith("Sig")], os.fstat(1))
before = state()
import molt_worker, molt_worker.__main__
assert state() == before, (before, state())
libraries = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
assert not [name for name in libraries for heavy in ("fmt", "spdlog", "toml") if heavy in name]
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=worker_environment({}),
    )
    assert (done.returncode, done.stderr) == (0, "")
