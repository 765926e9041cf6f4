"""Prints how much the resident set grew at its peak while a function of sqlite_bulk streamed.

`python stream_rss.py FUNCTION FILE` -> {"growth_bytes": n, "rows": n}. Linux only: the peak is
reset through /proc/self/clear_refs, so that importing does not count.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import sqlite_bulk


def main() -> None:
    function, path = sys.argv[1], Path(sys.argv[2])
    read = getattr(sqlite_bulk, function)(path)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_bytes("VmRSS")
    rows, _ = read()
    print(json.dumps({"growth_bytes": _status_bytes("VmHWM") - before, "rows": rows}))


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


if __name__ == "__main__":
    main()
