"""TPC-H data: made by tpchgen-cli, loaded by the library itself, kept for the next run."""

import subprocess
import sysconfig
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from molt_sql import Database, connect, raw

from .schema import CREATE_INDEX, CREATE_TABLE

# So often a progress bar moves.
BATCH_ROWS = 10_000

Advance = Callable[[int], object]


def make_database(scale: str, path: Path, console: Console) -> str:
    """The URL of the database at `path`, made and loaded if it is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        data = generate(scale, path.parent / f"tpch-{scale}", console)
        # Under its own name only when complete.
        unfinished = path.with_name(path.name + ".part")
        unfinished.unlink(missing_ok=True)
        with connect(f"sqlite:///{unfinished}?mode=rwc") as db:
            load(db, data, console)
        unfinished.rename(path)
    url = f"sqlite:///{path}?mode=ro"
    with connect(url) as db:
        missing = CREATE_TABLE.keys() - set(db.table_names())
    if missing:
        raise SystemExit(f"{path} is no TPC-H database: it lacks {', '.join(sorted(missing))}")
    return url


def make_postgres(scale: str, url: str, folder: Path, console: Console) -> str:
    """The same in a schema of its own of the PostgreSQL database at `url`."""
    schema = f"molt_demo_{scale.replace('.', '_')}"
    with connect(url) as db:
        known = raw("select 1 from pg_namespace where nspname = {schema}", schema=schema)
        if not known.on(db).fetch_all().result():
            data = generate(scale, folder / f"tpch-{scale}", console)
            # Under its own name only when complete.
            for statement in (
                f"DROP SCHEMA IF EXISTS {schema}_part CASCADE",
                f"CREATE SCHEMA {schema}_part",
            ):
                db.execute(raw(statement)).result()
            with connect(in_schema(url, f"{schema}_part")) as unfinished:
                load(unfinished, data, console)
            db.execute(raw(f"ALTER SCHEMA {schema}_part RENAME TO {schema}")).result()
    return in_schema(url, schema)


def in_schema(url: str, schema: str) -> str:
    """The URL, with names looked up in `schema`."""
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"


def generate(scale: str, folder: Path, console: Console) -> Path:
    """The folder with a Parquet file for each table."""
    if not folder.exists():
        console.print(f"Making TPC-H data at scale {scale} with tpchgen-cli")
        unfinished = folder.with_name(folder.name + ".part")
        program = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
        command = [str(program), "parquet", "--quiet", "--overwrite"]
        command += ["--scale-factor", scale, "--output-dir", str(unfinished)]
        subprocess.run(command, check=True)
        unfinished.rename(folder)
    return folder


def load(db: Database, folder: Path, console: Console) -> None:
    console.print(f"Loading it into {db.dialect}, each table in one transaction")
    start, total = time.perf_counter(), 0
    for name, columns in CREATE_TABLE.items():
        raw(f"CREATE TABLE {name} ({columns})").on(db).execute().result()
        frame = in_batches(pl.read_parquet(folder / f"{name}.parquet"))
        with progress(console, name, frame.height) as advance:
            total += db.insert(name, frame, on_progress=advance).result()
    for statement in CREATE_INDEX:
        raw(statement).on(db).execute().result()
    seconds = time.perf_counter() - start
    console.print(f"{total:,} rows in {seconds:.1f} s: {total / seconds:,.0f} rows a second")


def in_batches(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows, handed on as Arrow batches of BATCH_ROWS; nothing is copied."""
    return pl.concat(list(frame.iter_slices(BATCH_ROWS)), rechunk=False)


@contextmanager
def progress(console: Console, name: str, rows: int) -> Generator[Advance, None, None]:
    """A bar on a terminal, else a line when it is done."""
    if not console.is_terminal:
        start = time.perf_counter()
        yield lambda _: None
        console.print(f"  {name}: {rows:,} rows in {time.perf_counter() - start:.2f} s")
        return
    columns = (TextColumn("  {task.description:<9}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(name, total=rows)
        yield lambda done: bar.update(task, completed=done)
        bar.update(task, completed=rows)
