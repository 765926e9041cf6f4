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
    count: int
    """Rows of what is timed."""
    counts: Sequence[int]
    """Rows of what memory is measured with."""
    read: Callable[[int], Read]
    """Of a table with so many rows, in this process; it is made when there is none yet."""
    adbc: Opener
    adbc_stream: Opener
    rows: Callable[[Any], object]
    """What must be the same of tables."""


def cases(options: Options) -> Iterator[Case]:
    count = options.rows or (data.EVENTS_QUICK if options.quick else data.EVENTS)
    if _wants(options, "sqlite"):
        yield from _cases_of(_sqlite(count), options)
    if _wants(options, "postgres"):
        with pg_server.running() as server:
            larger = [] if options.quick else [count * pg_bulk.MEMORY_FACTOR]
            yield from _cases_of(_postgres(server, count, larger), options)


def _wants(options: Options, engine: str) -> bool:
    """Whether its tables and its server are needed at all."""
    return any(options.wants(f"{engine}_{name}") for name in ("to_arrow", "stream"))


def _sqlite(count: int) -> Source:
    path = data.events_file(count)
    return Source(
        engine="sqlite",
        about="SQLite",
        count=count,
        counts=[count],
        read=lambda rows: Read(f"sqlite:///{data.events_file(rows)}?mode=ro", "events"),
        adbc=lambda: sqlite_bulk.adbc(path),
        adbc_stream=lambda: _adbc_stream(path),
        rows=sqlite_bulk.table_of,
    )


@contextmanager
def _adbc_stream(path: Path) -> Iterator[Op]:
    read = sqlite_bulk.stream_adbc(path)
    yield lambda _: read()


def _postgres(server: pg_server.Server, count: int, larger: Sequence[int]) -> Source:
    def read(rows: int) -> Read:
        return Read(server.url, server.events(rows))

    return Source(
        engine="postgres",
        about=server.about,
        count=count,
        counts=[count, *larger],
        read=read,
        adbc=lambda: pg_bulk_peers.adbc(read(count)),
        adbc_stream=lambda: pg_bulk_peers.adbc_stream(read(count)),
        rows=pg_bulk.table_of,
    )


def _cases_of(source: Source, options: Options) -> Iterator[Case]:
    count = source.count

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
                Contestant(THROUGH, lambda: _through(source, ours), "ours", rows),
                Contestant(DIRECT, lambda: ours(source.read(count)), "part", rows),
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
        None if options.peers_only else _Memory(source),
    )


@dataclass(frozen=True)
class _Served:
    """The tables of a source behind a worker."""

    worker: ipc_worker.Worker
    reads: Mapping[int, Read]
    """By the number of rows."""


@contextmanager
def _served(source: Source, *counts: int) -> Iterator[_Served]:
    direct = {rows: source.read(rows) for rows in counts}
    aliases = {rows: f"events_{rows}" for rows in counts}
    databases = {aliases[rows]: read.url for rows, read in direct.items()}
    with ipc_worker.running(databases) as worker:
        reads = {r: replace(read, url=worker.url(aliases[r])) for r, read in direct.items()}
        yield _Served(worker, reads)


@contextmanager
def _through(source: Source, ours: Callable[[Read], Any]) -> Iterator[Op]:
    with _served(source, source.count) as served, ours(served.reads[source.count]) as op:
        yield op


class _Memory:
    """How much client and worker grow at their peaks while a table is streamed.

    Each time both are processes of their own that have streamed one row before.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._judged: dict[str, float] = {}

    def notes(self) -> dict[str, str]:
        notes = {}
        for rows in self._source.counts:
            for who, mib in self._measured(rows).items():
                name = f"{who}, {rows:,} rows"
                is_known = not isinstance(mib, str)
                text = f"{mib:.1f} MiB" if is_known else f"not measured: {mib}"
                notes[f"peak memory growth, {name}"] = text
                if is_known and who != DIRECT:
                    self._judged[name] = mib
        return notes

    def goals(self) -> list[Goal]:
        return [
            Goal(f"MiB of growth, {name}", mib, "<=", GOAL_MIB)
            for name, mib in self._judged.items()
        ]

    def _measured(self, rows: int) -> dict[str, Any]:
        """In MiB, or why it could not be measured."""
        direct = growth_mib(STREAM, self._source.read(1), self._source.read(rows))
        with _served(self._source, 1, rows) as served:
            pid = served.worker.pid
            with pg_ours.stream(served.reads[1]) as op:
                op(0)
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # its peak begins anew
            before = served.worker.rss_bytes()
            client = growth_mib(STREAM, served.reads[1], served.reads[rows])
            worker = (ipc_worker.status_bytes("VmHWM", pid) - before) / 2**20
        return {"the client": client, "the worker": worker, DIRECT: direct}
