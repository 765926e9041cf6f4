"""The commands and their flags. What a command does is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="molt",
    help="Queries, checks and a live view for SQLite and PostgreSQL.",
    rich_markup_mode=None,  # rich takes longer to import than all else
    pretty_exceptions_enable=False,
)

Format = Literal["table", "json", "jsonl", "csv", "arrow", "arrow-stream", "parquet"]

URL_HELP = (
    "sqlite:///app.db, postgresql://user@host/database, or what else molt_sql.connect() takes."
    " Others can see a program's arguments: give a password in PGPASSWORD or ~/.pgpass."
)
Url = Annotated[str, typer.Argument(metavar="URL", help=URL_HELP, show_default=False)]
ConnectTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.001, help="How long opening a connection may take."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"molt {version('molt-db')}")
        except PackageNotFoundError:  # run from a checkout
            typer.echo("molt, not installed")
        raise typer.Exit


@app.callback()
def molt(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def query(
    url: Url,
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help="One statement that reads; - for standard input.",
            show_default=False,
        ),
    ],
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="By default what FILE's ending says, else table.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Write to FILE, which is replaced when everything is there, and only then.",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME[:TYPE]=VALUE",
            show_default=False,
            help="Bind VALUE to the hole {NAME} of the SQL. TYPE is text (if not given), int,"
            " float, bool, decimal, date, time, timestamp, uuid, hex, json or null. With any of"
            " these, {{ and }} are plain braces.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="ROWS", min=0, help="Stop the query after so many rows.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.001, help="Stop the query in the database then."),
    ] = None,
    connect_timeout: ConnectTimeout = 10.0,
    allow_superuser: Annotated[
        bool, typer.Option("--allow-superuser", help="Read as a PostgreSQL superuser all the same.")
    ] = False,
) -> int:
    """Run SQL that reads; print its rows or write a file.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C, 141 the reader of the output is gone,
    143 SIGTERM.
    """
    from .problems import guarded
    from .query import Request, run

    request = Request(
        url=url,
        sql=sql,
        format=form,
        output=output,
        params=param or [],
        limit=limit,
        timeout=timeout,
        connect_timeout=connect_timeout,
        allow_superuser=allow_superuser,
    )
    return guarded("molt query", lambda: run(request))


@app.command()
def doctor(
    url: Url,
    json: Json = False,
    connect_timeout: ConnectTimeout = 5.0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, help="How long one check may take.")
    ] = 10.0,
) -> int:
    """Check a database, name what is wrong and what to do.

    Exit codes: 0 all is well, 1 there are warnings, 2 something fails.
    """
    from .doctor.command import run
    from .problems import guarded

    return guarded("molt doctor", lambda: run(url, json, connect_timeout, timeout))


# For the list of commands and completion; `main` runs it before flags are read.
@app.command(add_help_option=False)
def worker() -> None:
    """Run molt-worker; all arguments are its own.

    It is the one that $MOLT_WORKER_BINARY names, else the one beside this Python, else the one on
    PATH.
    """


@app.command()
def top(
    metrics_socket: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="The Unix socket on which a worker serves its metrics.",
        ),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", show_default=False, help="A file of the same text."),
    ] = None,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.05, help="Between two looks.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot as text.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each look, on a line.")
    ] = False,
) -> int:
    """Show what a worker does, live; Ctrl-C ends it.

    Exit codes: 0 ended by you, 1 no metrics, 2 wrong usage.
    """
    from .problems import guarded
    from .top import run

    return guarded(
        "molt top", lambda: run(metrics_socket, metrics_file, interval, once=once, as_json=json)
    )
