"""Programs that a test runs in a process of its own, so that one that hangs or crashes is seen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

TESTS = Path(__file__).parents[1]
ENDS_WITHIN_S = 60

SETUP = f"""
import asyncio, multiprocessing, os, signal, sys, threading, time
sys.path.insert(0, {str(TESTS)!r})
import molt_worker
from client.tools import is_alive, kill, until_gone, workers_of
from molt_sql import ClosedError, connect, raw, table
from molt_sql._molt import _worker_process as process_of
from servers.processes import wait_until

def value(db, sql="select count(*) from t"):
    return raw(sql).on(db).fetch_value().result()

def in_child(work):
    "Runs work in a forked child; its exit code. The child is ended after a while."
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(30)
            work()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

url = sys.argv[1]
"""


def run_script(code: str, *args: object, expect: int = 0) -> list[str]:
    """Its lines; the last one must be "done"."""
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-c",
            SETUP + textwrap.dedent(code),
            *map(str, args),
        ],
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    if expect == 0:
        assert done.stdout.endswith("done\n"), done.stdout + done.stderr
    return done.stdout.splitlines()
