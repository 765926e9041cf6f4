"""Calls that do not hear of Ctrl-C by themselves."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

R = TypeVar("R")

_calls: list[threading.Thread] = []


class _Call(threading.Thread, Generic[R]):
    def __init__(self, call: Callable[[], R]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._ended = threading.Event()
        self._outcome: list[R] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._outcome.append(self._call())
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def outcome(self) -> R:
        self._ended.wait()
        self.join()  # it has no more to do
        if self._error is not None:
            raise self._error
        return self._outcome[0]


def interruptible(call: Callable[[], R]) -> R:
    """What `call` gives, on a thread. A signal's exception comes at once; the call is left alone."""
    running = _Call(call)
    running.start()
    _calls.append(running)
    return running.outcome()


def end(code: int) -> int:
    """The exit code; while a call is left alone, the process ends with it here.

    Python's own end would pull the thread out of the core's code, which is not made for it.
    """
    if any(call.is_alive() for call in _calls):
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code
