"""A line on a terminal while a result is long in coming."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

SHOWS_AFTER_S = 0.5
EVERY_S = 0.2
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """1536 -> 1.5 KiB"""
    power = 0
    while count >= 1024 and power < len(UNITS) - 1:
        count /= 1024
        power += 1
    return f"{count:.0f} {UNITS[0]}" if power == 0 else f"{count:.1f} {UNITS[power]}"


class Progress:
    """Shows rows and bytes so far on stderr, if that is a terminal and `shown`.

    On a thread of its own, since the caller waits in the database.
    """

    def __init__(self, shown: bool, written: Callable[[], int]) -> None:
        self.rows = 0
        self._written = written
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        if shown and sys.stderr.isatty():
            self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def _show(self) -> None:
        began = time.monotonic()
        wait = SHOWS_AFTER_S
        while not self._done.wait(wait):
            wait = EVERY_S
            passed = time.monotonic() - began
            told = f"{self.rows:,} rows, {size(self._written())}, {passed:.1f} s"
            sys.stderr.write(f"\r\x1b[K{told}")
            sys.stderr.flush()
        if wait == EVERY_S:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
