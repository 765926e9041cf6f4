"""A whole table through a worker on a Unix socket, to Arrow and streamed, as against no worker.

The same query of molt_sql both ways, only the URL differs. Ours is the way through the worker; the
one in this process is a part, what it is held against; ADBC, in this process, is the peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import data
import ipc_worker
import pg_bulk
import pg_bulk_peers
import pg_ours
import pg_server
import sqlite_bulk
from harness import Case, Contestant, Goal, Op, Opener, Options
from pg_bulk_peers import Read
from pg_memory import GOAL_MIB, Reader, growth_mib

THROUGH = "molt_sql through a worker"
DIRECT = "molt_sql in this process"
ADBC = "ADBC in this process"
TIMES_DIRECT = 1.25
ROUNDS = 5
STREAM = Reader("stream", pg_ours.stream)


@dataclass(frozen=True)
class Source:
    """A table of one engine."""

    engine: str
    about: str
    reads: Mapping[int, Read]
    """By the number of rows: what is timed, one row, and perhaps more for memory alone."""
    adbc: Opener
    adbc_stream: Opener
    rows: Callable[[Any], object]
    """What must be the same of tables."""


def cases(options: Options) -> Iterator[Case]:
    count = options.rows or (data.EVENTS_QUICK if options.quick else data.EVENTS)
    yield from _cases_of(_sqlite(count), count)
    with pg_server.running() as server:
        larger = [] if options.quick else [count * pg_bulk.MEMORY_FACTOR]
        yield from _cases_of(_postgres(server, [1, count, *larger]), count)


def _sqlite(count: int) -> Source:
    path = data.events_file(count)
    return Source(
        engine="sqlite",
        about="SQLite",
        reads={
            rows: Read(f"sqlite:///{data.events_file(rows)}?mode=ro", "events")
            for rows in (1, count)
        },
        adbc=lambda: sqlite_bulk.adbc(path),
        adbc_stream=lambda: _adbc_stream(path),
        rows=sqlite_bulk.table_of,
    )


@contextmanager
def _adbc_stream(path: Path) -> Iterator[Op]:
    read = sqlite_bulk.stream_adbc(path)
    yield lambda _: read()


def _postgres(server: pg_server.Server, counts: Sequence[int]) -> Source:
    reads = {rows: Read(server.url, server.events(rows)) for rows in counts}
    timed = reads[counts[1]]
    return Source(
        engine="postgres",
        about=server.about,
        reads=reads,
        adbc=lambda: pg_bulk_peers.adbc(timed),
        adbc_stream=lambda: pg_bulk_peers.adbc_stream(timed),
        rows=pg_bulk.table_of,
    )


def _cases_of(source: Source, count: int) -> Iterator[Case]:
    direct = source.reads[count]

    def case(
        name: str,
        about: str,
        ours: Callable[[Read], Any],
        adbc: Opener,
        rows: Callable[[Any], object],
        memory: _Memory | None = None,
    ) -> Case:
        def goals(medians: Mapping[str, float]) -> list[Goal]:
            times = medians[THROUGH] / medians[DIRECT]
            goal = Goal("times as long as in this process", times, "<=", TIMES_DIRECT)
            return [goal, *(memory.goals() if memory else [])]

        return Case(
            bench="ipc_bulk",
            name=f"{source.engine}_{name}",
            about=f"{count:,} rows x 9 columns {about}",
            contestants=[
                Contestant(THROUGH, lambda: _through(source, count, ours), "ours", rows),
                Contestant(DIRECT, lambda: ours(direct), "part", rows),
                Contestant(ADBC, adbc, rows=rows),
            ],
            unit=f"s per {count:,} rows",
            goals=goals,
            check=(0,),
            rounds=ROUNDS,
            block_s=0,
            notes=lambda: {"engine": source.about} | (memory.notes() if memory else {}),
        )

    yield case("to_arrow", "to a pyarrow table", pg_ours.arrow, source.adbc, source.rows)
    yield case(
        "stream",
        "in batches, each looked at and dropped",
        pg_ours.stream,
        source.adbc_stream,
        lambda seen: seen,
        _Memory(source),
    )


@contextmanager
def _worker(source: Source) -> Iterator[ipc_worker.Worker]:
    with ipc_worker.running({_alias(rows): read.url for rows, read in source.reads.items()}) as it:
        yield it


def _alias(rows: int) -> str:
    return f"events_{rows}"


def _read(source: Source, worker: ipc_worker.Worker, rows: int) -> Read:
    return replace(source.reads[rows], url=worker.url(_alias(rows)))


@contextmanager
def _through(source: Source, rows: int, ours: Callable[[Read], Any]) -> Iterator[Op]:
    with _worker(source) as worker, ours(_read(source, worker, rows)) as op:
        yield op


class _Memory:
    """How much client and worker grow at their peaks while a table is streamed.

    Each time both are processes of their own that have streamed one row before.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._mib: dict[str, float] = {}

    def notes(self) -> dict[str, str]:
        notes = {}
        for rows in self._source.reads:
            if rows == 1:
                continue
            for who, mib in self._measured(rows).items():
                name = f"{who}, {rows:,} rows"
                notes[f"peak memory growth, {name}"] = (
                    f"not measured: {mib}" if isinstance(mib, str) else f"{mib:.1f} MiB"
                )
                if not isinstance(mib, str) and who != DIRECT:
                    self._mib[name] = mib
        return notes

    def goals(self) -> list[Goal]:
        return [Goal(f"MiB, {name}", mib, "<=", GOAL_MIB) for name, mib in self._mib.items()]

    def _measured(self, rows: int) -> dict[str, float | str]:
        direct = growth_mib(STREAM, self._source.reads[1], self._source.reads[rows])
        with _worker(self._source) as worker:
            one, many = (_read(self._source, worker, n) for n in (1, rows))
            with pg_ours.stream(one) as op:
                op(0)
            Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # its peak begins anew
            before = worker.rss_bytes()
            client = growth_mib(STREAM, one, many)
            grown = (ipc_worker.status_bytes("VmHWM", worker.pid) - before) / 2**20
        return {"the client": client, "the worker": grown, DIRECT: direct}
