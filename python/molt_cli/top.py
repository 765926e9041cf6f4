"""`molt top`: looks at a worker's metrics again and again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .metrics import Metrics, ask_socket, parse, read_file
from .problems import OK, USAGE, CommandError
from .snapshot import Look, Snapshot, snapshot


def run(
    metrics_socket: Path | None,
    metrics_file: Path | None,
    interval: float,
    *,
    once: bool,
    as_json: bool,
) -> int:
    if (metrics_socket is None) == (metrics_file is None):
        raise CommandError("give one of --metrics-socket PATH and --metrics-file PATH", USAGE)

    def look() -> Look:
        text = ask_socket(metrics_socket) if metrics_socket else read_file(metrics_file or Path())
        metrics = parse(text)
        _check(metrics)
        return Look(time.time(), metrics)

    if once or as_json:
        _print_looks(look, interval, once=once, as_json=as_json)
        return OK
    if not sys.stdout.isatty():
        raise CommandError(
            "the live view needs a terminal; for a file or a pipe: --once, --json", USAGE
        )
    from .top_view import show

    show(look, interval)
    return OK


def _check(metrics: Metrics) -> None:
    if not metrics.all("molt_build_info") and not metrics.values("molt_requests_total", "entry"):
        raise CommandError("there are no metrics of a molt-worker there; name those of one")


def _print_looks(look: Callable[[], Look], interval: float, *, once: bool, as_json: bool) -> None:
    """A snapshot of all time first; the next are of the time since the one before."""
    from .top_text import text

    def told(shown: Snapshot) -> str:
        return json.dumps(shown.as_dict(), ensure_ascii=False) if as_json else text(shown)

    before = look()
    print(told(snapshot(before)), flush=True)
    try:
        while not once:
            time.sleep(interval)
            now = look()
            print(told(snapshot(now, before)), flush=True)
            before = now
    except KeyboardInterrupt:  # how one leaves it
        return
