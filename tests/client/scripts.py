"""Programs that a test runs in a process of its own, so that one that hangs or crashes is seen."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from servers import forks

ENDS_WITHIN_S = 60

SETUP = (
    forks.SETUP
    + """
import asyncio, functools, multiprocessing, os, signal, sys, threading, time
import molt_worker
from client.tools import is_alive, kill, until_gone, workers_of
from molt_sql import ClosedError, connect, raw, table
from molt_sql._molt import _worker_process as process_of
from servers.processes import wait_until

def value(db, sql="select count(*) from t"):
    return raw(sql).on(db).fetch_value().result()

in_child = functools.partial(in_child, ends_within_s=30)
url = sys.argv[1]
"""
)


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
