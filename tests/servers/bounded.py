"""Tests that cannot hang for long."""

from __future__ import annotations

import faulthandler
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

from servers.processes import SLOWER

# Where a hang lets no signal through, the process ends; pytest-xdist goes on with another one.
ENDS_AFTER_S = 15


@contextmanager
def bounded_in_time(seconds: int) -> Generator[None]:
    """What hangs in the block fails, with the place where it hangs, and the run goes on."""
    seconds = int(seconds * SLOWER)

    def hangs(*_: object) -> None:
        raise AssertionError(f"the test hangs: it did not end within {seconds} s")

    stderr = sys.__stderr__ or sys.stderr
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + ENDS_AFTER_S, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
