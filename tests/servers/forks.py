"""Forked children, for programs that a test runs in a process of its own."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SETUP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from servers.forks import in_child
"""
"""What such a program begins with."""


def in_child(work: Callable[[], object], ends_within_s: int = 20) -> int:
    """Runs `work` in a forked child, which is ended after a while; its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(ends_within_s)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
