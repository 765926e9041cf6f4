"""`molt query`: rows from the database to the output, a batch at a time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import molt_sql

from . import formats, output
from .params import read_params
from .problems import OK, USAGE, CommandError
from .progress import Progress
from .waiting import interruptible

# Messages are worded for callers of the Python package.
WORDS = {
    "or allow it with allow_superuser=True": "or allow it with --allow-superuser",
    "or give another value": "or say its type, as in --param n:int=5",
}
WRITES = "; use execute()"


@dataclass(frozen=True)
class Request:
    url: str
    sql: str
    format: str | None
    output: Path | None
    params: list[str]
    limit: int | None
    timeout: float | None
    connect_timeout: float
    allow_superuser: bool


def run(request: Request) -> int:
    """Its exit code; CommandError for what is wrong."""
    form = _format(request)
    values = read_params(request.params)
    formats.check(form)
    text = _sql(request.sql)
    try:
        # Without parameters the text is as it is: braces are frequent in arrays and JSON.
        text = text if values else text.replace("{", "{{").replace("}", "}}")
        statement = molt_sql.raw(text, **values)
        with _connect(request) as db:
            _copy(request, form, statement.on(db))
    except molt_sql.MoltError as error:
        raise CommandError(_for_the_command_line(str(error))) from None
    return OK


def _format(request: Request) -> str:
    form = request.format
    if form is None:
        ending = request.output.suffix.lower() if request.output else ".txt"
        form = formats.ENDINGS.get(ending)
        if form is None:
            raise CommandError(
                f'the ending "{ending}" of the output names no format; say which with --format',
                USAGE,
            )
    if form in formats.BINARY and request.output is None and sys.stdout.isatty():
        raise CommandError(
            f"--format {form} is not for a terminal; name a file with -o, or pipe it on", USAGE
        )
    return form


def _sql(given: str) -> str:
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise CommandError("the SQL on standard input is not UTF-8") from None


def _connect(request: Request) -> molt_sql.Database:
    try:
        return interruptible(
            lambda: molt_sql.connect(
                request.url,
                max_connections=1,
                connect_timeout=request.connect_timeout,
                allow_superuser=request.allow_superuser,
                # One statement has no use for a cache, and poolers may lack what it needs.
                statement_cache_size=0,
            )
        )
    except molt_sql.MoltError as error:
        advice = "`molt doctor URL` says more"
        raise CommandError(f"{_for_the_command_line(str(error)).rstrip('.')}; {advice}") from None


def _for_the_command_line(message: str) -> str:
    if WRITES in message:
        return f"{message.partition(WRITES)[0]}; molt query only reads"
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    return message


def _copy(request: Request, form: str, query: molt_sql.Query) -> None:
    on_terminal = request.output is None and sys.stdout.isatty()
    left = request.limit
    with output.opened(request.output) as out:
        writer = formats.writer(form, out, on_terminal)
        batch_rows = writer.batch_rows if left is None else max(1, min(writer.batch_rows, left))
        with (
            Progress(not on_terminal, lambda: out.bytes) as progress,
            query.stream(batch_rows, timeout=request.timeout) as batches,
        ):
            for batch in batches:
                rows = len(batch) if left is None else min(len(batch), left)
                writer.write(batch, rows)
                progress.rows += rows
                if left is not None:
                    left -= rows
                    if left == 0:
                        break
            writer.finish()
