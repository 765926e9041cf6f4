"""A whole table of 9 mixed columns out of PostgreSQL: to Arrow, in parallel, streamed, as rows.

Ours gives `numeric(12, 2)` as decimal128, ADBC as text, connectorx as decimal128(38, 10); before
the comparison all are cast to the former. asyncpg and psycopg give Python objects, and no Arrow
unless the name says so. The floor is the same statement received and thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import data
import pg_bulk_peers as peers
import pg_ours
import pg_server
from harness import Case, Contestant, Goal, Options, ahead
from pg_bulk_peers import Read
from pg_floor import floor
from pg_memory import Growth, Reader

OURS = "molt_sql"
ADBC = "ADBC"
CONNECTORX = "connectorx"
CONNECTORX_2 = "connectorx, 2 partitions"
ASYNCPG = "asyncpg"
PSYCOPG = "psycopg 3"
FLOOR = "floor: received, thrown away"
FLOOR_TIMES = 1.10
ROUNDS = 5
MEMORY_FACTOR = 10
"""Memory is measured with this many times the rows, too: it should not grow."""

ARROW = [
    Reader(OURS, pg_ours.arrow),
    Reader(ADBC, peers.adbc),
    Reader(CONNECTORX, peers.connectorx),
    Reader("polars, ADBC", peers.polars, (("engine", "adbc"),)),
    Reader("polars, connectorx", peers.polars, (("engine", "connectorx"),)),
]
OBJECTS = [
    Reader(ASYNCPG, peers.asyncpg_rows),
    Reader(PSYCOPG, peers.psycopg_rows),
]
PSYCOPG_ARROW = Reader("psycopg 3, then to Arrow", peers.psycopg_arrow)
STREAMS = [
    Reader(OURS, pg_ours.stream),
    Reader(ADBC, peers.adbc_stream),
    Reader("connectorx arrow_stream", peers.connectorx_stream),
    Reader("asyncpg cursor", peers.asyncpg_cursor),
    Reader("psycopg 3 server cursor", peers.psycopg_server_cursor),
    Reader("psycopg 3 stream()", peers.psycopg_stream),
]


def cases(options: Options) -> Iterator[Case]:
    count = options.rows or (data.EVENTS_QUICK if options.quick else data.EVENTS)
    with pg_server.running() as server:
        bulk = _Bulk(server, count, options)
        yield bulk.to_arrow()
        yield bulk.to_arrow_params()
        yield bulk.to_arrow_parallel()
        yield bulk.stream()
        yield bulk.stream_params()
        yield bulk.to_rows()


class _Bulk:
    """The cases on one table."""

    def __init__(self, server: pg_server.Server, count: int, options: Options) -> None:
        self._server = server
        self._count = count
        self._options = options
        self._read = Read(server.url, server.events(count))
        self._read_params = replace(self._read, score_min=0.0)

    def to_arrow(self) -> Case:
        """Memory of whole tables at 10 times the rows only where they stay columns."""
        return self._case(
            "to_arrow",
            "to a pyarrow table (polars: its frame); asyncpg and psycopg to Python objects",
            [
                *_contestants([*ARROW, *OBJECTS, PSYCOPG_ARROW], self._read, table_of),
                Contestant(
                    "ADBC, numeric cast to float8", lambda: peers.adbc_float(self._read), "part"
                ),
                self._floor(self._read),
            ],
            _arrow_goals,
            self._growth([*ARROW, *OBJECTS], self._read, [self._count]),
            self._growth(ARROW, self._read, [self._count * MEMORY_FACTOR]),
        )

    def to_arrow_params(self) -> Case:
        readers = [r for r in [*ARROW, *OBJECTS] if _takes_parameters(r)]
        return self._case(
            "to_arrow_params",
            "as to_arrow, with one bound parameter that keeps all rows",
            [*_contestants(readers, self._read_params, table_of), self._floor(self._read_params)],
            _arrow_goals,
        )

    def to_arrow_parallel(self) -> Case:
        readers = [
            Reader(OURS, pg_ours.arrow_parallel),
            Reader(CONNECTORX_2, peers.connectorx, (("partitions", 2),)),
            Reader(ADBC, peers.adbc),
        ]
        return self._case(
            "to_arrow_parallel",
            "to a pyarrow table over two connections; ADBC has one",
            [
                *_contestants(readers, self._read, table_of),
                Contestant(
                    "floor: two ranges at once",
                    lambda: floor(self._read.url, self._halves()),
                    "part",
                ),
            ],
            lambda medians: ahead(medians, OURS, [ADBC, CONNECTORX_2], 1.5),
        )

    def stream(self) -> Case:
        return self._case(
            "stream",
            "in batches, or pages of objects, each looked at and dropped",
            [*_contestants(STREAMS, self._read, _seen), self._floor(self._read)],
            _floor_goal,
            self._growth(STREAMS, self._read, self._memory_counts()),
        )

    def stream_params(self) -> Case:
        readers = [reader for reader in STREAMS if _takes_parameters(reader)]
        return self._case(
            "stream_params",
            "as stream, with one bound parameter that keeps all rows",
            [*_contestants(readers, self._read_params, _seen), self._floor(self._read_params)],
            _floor_goal,
            self._growth(readers, self._read_params, self._memory_counts()),
        )

    def to_rows(self) -> Case:
        return self._case(
            "to_rows",
            "as Python objects",
            _contestants([Reader(OURS, pg_ours.rows), *OBJECTS], self._read, _rows),
            lambda _: (),
        )

    def _case(
        self,
        name: str,
        about: str,
        contestants: Sequence[Contestant],
        goals: Callable[[Mapping[str, float]], Sequence[Goal]],
        *growths: Growth,
    ) -> Case:
        def notes() -> dict[str, str]:
            notes = {"server": self._server.about}
            for growth in growths:
                notes |= growth.notes()
            return notes

        def all_goals(medians: Mapping[str, float]) -> list[Goal]:
            memory = [goal for growth in growths for goal in growth.goals(OURS)]
            return [*goals(medians), *(memory if name.startswith("stream") else [])]

        return Case(
            bench="pg_bulk",
            name=name,
            about=f"{self._count:,} rows x 9 columns {about}",
            contestants=contestants,
            unit=f"s per {self._count:,} rows",
            goals=all_goals,
            check=(0,),
            loop_factory=peers.loop_factory(),
            rounds=ROUNDS,
            block_s=0,
            notes=notes,
        )

    def _floor(self, read: Read) -> Contestant:
        return Contestant(FLOOR, lambda: floor(read.url, [read.sql()], read.params), "part")

    def _halves(self) -> list[str]:
        """The statement for each half of the table's pages."""
        sql = "select pg_relation_size(%s) / current_setting('block_size')::int / 2"
        with pg_server.connect(self._read.url) as connection:
            (page,) = connection.execute(sql, [self._read.table]).fetchone()
        return [f"{self._read.sql()} where ctid {sense} '({page},0)'" for sense in ("<", ">=")]

    def _memory_counts(self) -> list[int]:
        return [self._count] if self._options.quick else [self._count, self._count * MEMORY_FACTOR]

    def _growth(self, readers: Sequence[Reader], read: Read, counts: Sequence[int]) -> Growth:
        readers = [r for r in readers if r.name != OURS or not self._options.peers_only]

        def of(count: int) -> Read:
            return replace(read, table=self._server.events(count))

        return Growth(readers, of, [c for c in counts if c in self._memory_counts()])


def _takes_parameters(reader: Reader) -> bool:
    if reader.open is peers.polars:
        return ("engine", "adbc") in reader.options
    return reader.open not in (peers.connectorx, peers.connectorx_stream)


def _contestants(
    readers: Sequence[Reader], read: Read, rows: Callable[[Any], object]
) -> list[Contestant]:
    return [
        Contestant(
            reader.name,
            lambda reader=reader: reader(read),
            "ours" if reader.name == OURS else "peer",
            rows,
        )
        for reader in readers
    ]


def _floor_goal(medians: Mapping[str, float]) -> list[Goal]:
    if FLOOR not in medians:
        return []
    return [Goal("times the floor", medians[OURS] / medians[FLOOR], "<=", FLOOR_TIMES)]


def _arrow_goals(medians: Mapping[str, float]) -> list[Goal]:
    return [
        *_floor_goal(medians),
        *ahead(medians, OURS, [ADBC], 2.0),
        *ahead(medians, OURS, [CONNECTORX], 1.5),
        *ahead(medians, OURS, [ASYNCPG, PSYCOPG], 4.0),
    ]


def table_of(result: Any) -> Any:
    """As a pyarrow table of one schema, by id, whatever the contestant returned."""
    import pyarrow as pa

    if isinstance(result, list):
        table = peers.table_of_rows(result)
    else:
        table = pa.table(result)
        for index, column in enumerate(table.columns):
            if isinstance(column.type, pa.BaseExtensionType):  # ADBC's numeric, which is text
                plain = pa.chunked_array([chunk.storage for chunk in column.chunks])
                table = table.set_column(index, table.schema.names[index], plain)
        table = table.cast(peers.schema())
    return table.sort_by("id").combine_chunks()


def _rows(rows: Any) -> list[tuple[object, ...]]:
    return sorted(map(tuple, rows))


def _seen(seen: Any) -> object:
    return seen
