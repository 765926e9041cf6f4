"""The live view, drawn by rich."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .problems import CommandError, one_line
from .snapshot import Look, Snapshot, snapshot
from .top_text import ENTRY_HEAD, POOL_HEAD, entry_row, pool_rows, summary


def show(look: Callable[[], Look], interval: float) -> None:
    """Until Ctrl-C. Without a worker from the start it ends; one that is away is waited for."""
    before = look()
    shown = snapshot(before)
    trouble = ""
    with Live(console=Console(highlight=False), auto_refresh=False, screen=True) as live:
        try:
            while True:
                live.update(_view(shown, trouble), refresh=True)
                time.sleep(interval)
                try:
                    now = look()
                    shown, before, trouble = snapshot(now, before), now, ""
                except (CommandError, OSError) as error:
                    trouble = one_line(error)
        except KeyboardInterrupt:
            return


def _view(shown: Snapshot, trouble: str) -> Group:
    first, *rest = summary(shown)
    note = f"as of the last answer; since then: {trouble}" if trouble else "Ctrl-C ends it"
    return Group(
        Text(first, style="bold"),
        Text("\n".join(rest)),
        Text(note, style="red" if trouble else "dim"),
        _table(ENTRY_HEAD, [entry_row(one) for one in shown.entries]),
        _table(POOL_HEAD, pool_rows(shown)),
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in head:
        table.add_column(name, justify="left" if name == head[0] else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
