"""How much the resident set grows at its peak while a contestant reads, in a process of its own.

`python pg_memory.py MODULE:FUNCTION READ` prints {"growth_bytes": n}; READ is a pg_bulk_peers.Read
and what else the function takes, as JSON. The contestant reads a table of one row first, so that
what it needs when idle (its imports, its connection's buffers) does not count; a whole result stays
alive until the peak is taken. Linux only: the peak is reset through /proc/self/clear_refs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from harness import Goal
from pg_bulk_peers import Read, loop_factory

GOAL_MIB = 64
"""Of ours when it streams, whatever the number of rows."""


@dataclass(frozen=True)
class Reader:
    name: str
    open: Callable[..., Any]
    """A function of pg_ours or pg_bulk_peers that takes a Read."""
    options: tuple[tuple[str, Any], ...] = ()
    """And these besides."""

    def __call__(self, read: Read) -> Any:
        return self.open(read, **dict(self.options))


def growth_mib(reader: Reader, idle: Read, read: Read) -> float | str:
    """In MiB, or why it could not be measured."""
    argument = {"idle": asdict(idle), "read": asdict(read), "options": dict(reader.options)}
    function = f"{reader.open.__module__}:{reader.open.__name__}"
    command = [sys.executable, __file__, function, json.dumps(argument)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(done.stdout.splitlines()[-1])["growth_bytes"] / 2**20


class Growth:
    """Measures when the notes are asked for, and remembers it for the goals."""

    def __init__(
        self, readers: Sequence[Reader], read: Callable[[int], Read], counts: Sequence[int]
    ) -> None:
        """`read` names a table of so many rows, and makes it when there is none yet."""
        self._readers = readers
        self._read = read
        self._counts = counts
        self._mib: dict[tuple[str, int], float | str] = {}

    def notes(self) -> dict[str, str]:
        notes = {}
        for rows in self._counts:
            for reader in self._readers:
                mib = growth_mib(reader, self._read(1), self._read(rows))
                self._mib[reader.name, rows] = mib
                text = f"not measured: {mib}" if isinstance(mib, str) else f"{mib:.1f} MiB"
                notes[f"peak memory growth, {rows:,} rows, {reader.name}"] = text
        return notes

    def goals(self, name: str) -> list[Goal]:
        return [
            Goal(f"MiB that memory grows by with {rows:,} rows", mib, "<=", GOAL_MIB)
            for (reader, rows), mib in self._mib.items()
            if reader == name and not isinstance(mib, str)
        ]


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    argument = json.loads(sys.argv[2])
    reader = getattr(import_module(module), function)
    _once(reader(Read(**argument["idle"]), **argument["options"]))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_bytes("VmRSS")
    result = _once(reader(Read(**argument["read"]), **argument["options"]))
    growth = _status_bytes("VmHWM") - before
    del result
    print(json.dumps({"growth_bytes": growth}))


def _once(opened: Any) -> Any:
    if isinstance(opened, AbstractContextManager):
        with opened as op:
            return op(0)

    async def ask() -> Any:
        async with opened as op:
            return await op(0)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(ask())


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


if __name__ == "__main__":
    main()
