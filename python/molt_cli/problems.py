"""How commands fail: one line on stderr that says what, where and what to do; an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

OK, FAILED, USAGE = 0, 1, 2
DEBUG = "MOLT_DEBUG"
# As shells report programs that end by SIGINT, SIGPIPE and SIGTERM.
INTERRUPTED, PIPE_CLOSED, TERMINATED = 130, 141, 143


class CommandError(Exception):
    """Ends a command with its message."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """SIGTERM came: what runs is stopped and what is unfinished removed, as for Ctrl-C."""


def one_line(text: object) -> str:
    """Without line feeds, and without bytes that a terminal would obey.

    libpq's lines that begin with a tab are guesses ("Is the server running …?"), and left out.
    """
    lines = [line for line in str(text).split("\n") if not line.startswith("\t")]
    words = " ".join(" ".join(lines).split())
    return "".join(c if c.isprintable() else "?" for c in words)


def say(command: str, text: object) -> None:
    with suppress(OSError):  # a stderr that is gone
        print(f"{command}: {one_line(text)}", file=sys.stderr, flush=True)


def guarded(command: str, run: Callable[[], int]) -> int:
    """Runs a command's work; its exit code, or that of what ended it."""

    def terminate(_: int, __: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        code = run()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError:  # as in `molt query … | head`
        # What Python would still flush at its end goes nowhere, instead of failing again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return PIPE_CLOSED
    except CommandError as error:
        say(command, error)
        return error.code
    except OSError as error:
        say(command, os_error(error))
        return FAILED
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        # Not its words, which could hold anything.
        say(command, f"{type(error).__name__}, a mistake in molt itself; {DEBUG}=1 shows where")
        return FAILED
    finally:
        signal.signal(signal.SIGTERM, before)


def os_error(error: OSError) -> str:
    where = f'"{os.fspath(error.filename)}": ' if error.filename else ""
    return f"{where}{error.strerror or error}"
