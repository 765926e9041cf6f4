"""The program that asks a worker, cpp/ipc_load.cc, as a contestant that tells its own time."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ipc_worker
from harness import Op
from pg_client import build

PROGRAM = "ipc_load"


@dataclass(frozen=True)
class Asked:
    """What is asked for, again and again: the payloads in turn."""

    entry: str
    codec: str
    payloads: Sequence[object]
    check: Callable[[int, str, bytes], None]
    """Of the number of a payload, and of the codec and payload of its reply. Raises if it is wrong."""


@dataclass(frozen=True)
class Way:
    name: str
    transport: str
    connections: int
    in_flight: int
    """On each connection."""


@dataclass
class Figures:
    """Of one way, a value a round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    idle_bytes: int = 0
    after_bytes: int = 0

    def add(self, answer: dict[str, float]) -> None:
        requests = answer["requests"]
        for name, value in (
            ("rate", requests / answer["wall_s"]),
            ("p50_us", answer["p50_us"]),
            ("p99_us", answer["p99_us"]),
            ("worker_cpu_us", answer["worker_cpu_s"] / requests * 1e6),
            ("load_cpu_us", answer["load_cpu_s"] / requests * 1e6),
        ):
            self.rounds.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def __str__(self) -> str:
        return (
            f"{self.median('rate'):,.0f} requests/s, p50 {self.median('p50_us'):.1f} µs, p99 {self.median('p99_us'):.1f} µs; "
            f"{self.median('worker_cpu_us'):.2f} µs of the worker's CPU a request and "
            f"{self.median('load_cpu_us'):.2f} µs of the load's; worker's memory "
            f"{self.idle_bytes / 1e6:.1f} MB before, {self.after_bytes / 1e6:.1f} MB after"
        )


@contextmanager
def load(
    asked: Asked, way: Way, databases: dict[str, str], seconds: float, figures: Figures
) -> Iterator[Op]:
    """Each operation lasts so many seconds; its time is that of one request. The first warms up."""
    # Room for all to wait: nothing may be refused as Busy.
    queue = f"--max-queue={way.connections * way.in_flight + 64}"
    with ipc_worker.running(databases, queue, transport=way.transport) as worker:
        figures.idle_bytes = worker.rss_bytes()
        with asking(worker, asked, way) as process:

            def run(index: int) -> float:
                answer = _ask(process, str(seconds))
                if index > 0:
                    figures.add(answer)
                return float(answer["wall_s"] / answer["requests"])

            yield run
            figures.after_bytes = worker.rss_bytes()


@contextmanager
def asking(worker: ipc_worker.Worker, asked: Asked, way: Way) -> Iterator[subprocess.Popen[str]]:
    """The program, connected, after it has been seen that the worker's replies are right."""
    plan: dict[str, object] = {
        "worker_pid": worker.pid,
        "connections": way.connections,
        "in_flight": way.in_flight,
        "entry": asked.entry,
        "codec": asked.codec,
        "payloads": asked.payloads,
    }
    fds: tuple[int, ...] = ()
    if worker.socket is not None:
        plan["socket"] = str(worker.socket)
    else:
        assert worker.process.stdin is not None
        assert worker.process.stdout is not None
        fds = (worker.process.stdout.fileno(), worker.process.stdin.fileno())
        plan |= {"read_fd": fds[0], "write_fd": fds[1]}
    with subprocess.Popen(
        [build(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=fds
    ) as process:
        replies = _ask(process, json.dumps(plan))["replies"]
        for number, reply in enumerate(replies):
            asked.check(number, reply["codec"], base64.b64decode(reply["payload"]))
        yield process


def _ask(process: subprocess.Popen[str], line: str) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{PROGRAM} failed; its message is above")
    return json.loads(answer)
