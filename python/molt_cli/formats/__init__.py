"""Results as bytes, batch by batch; one module a form, found by `writer()`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Protocol

from ..output import Counted
from ..problems import USAGE, CommandError

if TYPE_CHECKING:
    from molt_sql import ResultSet

# By the ending of a file's name.
ENDINGS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".arrows": "arrow-stream",
    ".parquet": "parquet",
    ".txt": "table",
}
BINARY = ("arrow", "arrow-stream", "parquet")


class Writer(Protocol):
    batch_rows: int
    """How many rows to ask for at a time."""

    def write(self, batch: ResultSet, rows: int) -> None:
        """The first `rows` of the batch. Called once at least: an empty batch has columns too."""

    def finish(self) -> None:
        """After the last batch."""


def check(form: str) -> None:
    """CommandError if what the form needs is not installed: before anything else is done."""
    # To look for it is enough; importing it takes a while.
    if form in BINARY and importlib.util.find_spec("pyarrow") is None:
        raise CommandError(
            f"--format {form} needs pyarrow; install it with: pip install 'molt-db[arrow]'", USAGE
        )


def writer(form: str, out: Counted, terminal: bool) -> Writer:
    """`terminal`: whether people look at `out`, and in colour."""
    if form == "json":
        from .json_rows import JsonRows

        return JsonRows(out)
    if form == "jsonl":
        from .json_rows import JsonLines

        return JsonLines(out)
    if form == "csv":
        from .csv_rows import CsvRows

        return CsvRows(out)
    if form in BINARY:
        from .arrow import ArrowFile, ArrowStream, Parquet

        return {"arrow": ArrowFile, "arrow-stream": ArrowStream, "parquet": Parquet}[form](out)
    if terminal:
        from .rich_table import RichTable

        return RichTable()
    from .table import PlainTable

    return PlainTable(out)
