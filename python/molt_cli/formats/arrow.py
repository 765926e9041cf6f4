"""Arrow IPC and Parquet, by pyarrow. The batches share their memory with the result."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from ..output import Counted
from ..problems import CommandError

if TYPE_CHECKING:
    from molt_sql import ResultSet

# It has no types.
pa: Any = importlib.import_module("pyarrow")
ipc: Any = importlib.import_module("pyarrow.ipc")

BATCH_ROWS = 65_536
ROW_GROUP_BYTES = 32 << 20  # of Parquet, before compression


class _Sink(Protocol):
    def write_table(self, table: Any) -> None: ...
    def close(self) -> None: ...


class _ArrowWriter:
    batch_rows = BATCH_ROWS

    def __init__(self, out: Counted) -> None:
        self._file: Any = pa.PythonFile(out, mode="w")
        self._schema: Any = None
        self._sink: _Sink | None = None
        self._rows = 0

    def _open(self, schema: Any) -> _Sink:
        raise NotImplementedError

    def write(self, batch: ResultSet, rows: int) -> None:
        table: Any = pa.table(batch).slice(0, rows)
        try:
            if self._sink is None:
                self._schema = table.schema
                self._sink = self._open(table.schema)
            elif table.schema != self._schema:
                table = self._fitted(table)
            self._append(self._sink, table)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise CommandError(f"{error}; cast the column in the query, to text say") from None
        self._rows += rows

    def _append(self, sink: _Sink, table: Any) -> None:
        sink.write_table(table)

    def _fitted(self, table: Any) -> Any:
        """Where SQL says no type, an engine's values do, and they may begin with NULLs."""
        for wanted, got in zip(self._schema, table.schema, strict=True):
            if not (pa.types.is_null(got.type) or got.type == wanted.type):
                raise CommandError(
                    f'column "{wanted.name}" is of type {wanted.type} at first and {got.type} from'
                    f" row {self._rows} on (counting from 0), and an Arrow column has one type;"
                    " cast it in the query"
                )
        return table.cast(self._schema)

    def finish(self) -> None:
        if self._sink is not None:
            self._sink.close()


class ArrowFile(_ArrowWriter):
    def _open(self, schema: Any) -> _Sink:
        sink: _Sink = ipc.new_file(self._file, schema)
        return sink


class ArrowStream(_ArrowWriter):
    def _open(self, schema: Any) -> _Sink:
        sink: _Sink = ipc.new_stream(self._file, schema)
        return sink


class Parquet(_ArrowWriter):
    def __init__(self, out: Counted) -> None:
        super().__init__(out)
        self._waiting: list[Any] = []

    def _open(self, schema: Any) -> _Sink:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        sink: _Sink = parquet.ParquetWriter(self._file, schema, compression="zstd")
        return sink

    def _append(self, sink: _Sink, table: Any) -> None:
        """Few large row groups are read faster than many small ones."""
        self._waiting.append(table)
        if sum(one.nbytes for one in self._waiting) >= ROW_GROUP_BYTES:
            self._flush(sink)

    def _flush(self, sink: _Sink) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            sink.write_table(pa.concat_tables(waiting))

    def finish(self) -> None:
        if self._sink is not None:
            self._flush(self._sink)
        super().finish()
