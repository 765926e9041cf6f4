"""Snapshots of a worker as text."""

from __future__ import annotations

from .formats.table import visible
from .problems import one_line
from .progress import size
from .snapshot import Entry, Snapshot

ENTRY_HEAD = ("entry", "requests", "errors", "per second", "p50 ms", "p95 ms", "p99 ms")
POOL_HEAD = ("pool", "in use", "idle")


def number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _size(value: float | None) -> str:
    return "-" if value is None else size(value)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours}:{minutes:02}:{left:02}"


def summary(shown: Snapshot) -> list[str]:
    """The worker as a whole."""
    return [
        f"molt-worker {one_line(shown.version or '')}".rstrip()
        + f", up {_duration(shown.uptime_s)}",
        f"cpu {number(shown.cpu_percent)} %, memory {_size(shown.rss_bytes)},"
        f" open files {number(shown.open_fds)}",
        f"clients {number(shown.clients)}, running {number(shown.in_flight)},"
        f" queue {number(shown.queue)} of {number(shown.queue_max)}",
        f"requests {number(shown.requests_per_s, 1)}/s, in {_size(shown.bytes_in_per_s)}/s,"
        f" out {_size(shown.bytes_out_per_s)}/s",
    ]


def entry_row(one: Entry) -> tuple[str, ...]:
    return (
        visible(one.entry),
        number(one.requests),
        number(one.errors),
        number(one.per_second, 1),
        *(number(value, 2) for value in (one.p50_ms, one.p95_ms, one.p99_ms)),
    )


def pool_rows(shown: Snapshot) -> list[tuple[str, ...]]:
    return [(visible(one.alias), number(one.in_use), number(one.idle)) for one in shown.pools]


def text(shown: Snapshot) -> str:
    lines = summary(shown)
    for head, rows in (
        (ENTRY_HEAD, [entry_row(one) for one in shown.entries]),
        (POOL_HEAD, pool_rows(shown)),
    ):
        if rows:
            lines += ["", *_aligned(head, rows)]
    return "\n".join(lines)


def _aligned(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(wide) if i else cell.ljust(wide)
            for i, (cell, wide) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
