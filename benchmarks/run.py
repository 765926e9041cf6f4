"""Runs benchmarks: `python benchmarks/run.py [WHAT…] [--quick] [--case PART] [--out FOLDER]`.

Without WHAT all of them. Each bench has a process of its own, in which ours and its peers take
turns; see README.md for the rules. Exits 0 when all was measured: a goal that is missed is
printed, not an error.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import signal
import subprocess
import sys
from pathlib import Path

import harness
import report
from environment import environment

HERE = Path(__file__).parent
ROWS_MIN = 1000
BENCHES = (
    "builder",
    "sqlite_small",
    "sqlite_bulk",
    "pg_bulk",
    "pg_small",
    "pg_copy_in",
    "ipc",
    "ipc_bulk",
    "django_list",
)


def main() -> int:
    # Servers and workers that were started are ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _arguments()
    benches = arguments.what or BENCHES
    if len(benches) > 1:
        command = [sys.executable, __file__, *_flags(arguments)]
        return max(subprocess.run([*command, bench], check=False).returncode for bench in benches)
    return _run(benches[0], arguments)


def _run(bench: str, arguments: argparse.Namespace) -> int:
    options = harness.Options(
        quick=arguments.quick,
        rounds=arguments.rounds,
        cases=tuple(arguments.case),
        rows=arguments.rows,
        peers_only=arguments.peers_only,
    )
    # A partial or quick run must not replace the figures of a whole one.
    partial = options != harness.Options()
    folder = arguments.out or (HERE / ".cache" / "partial" if partial else HERE / "results")
    print(f"\n{bench}: {environment()}\n", flush=True)
    results = []
    # Closed at once when a case fails, for it may have a server running.
    with contextlib.closing(importlib.import_module(bench).cases(options)) as cases:
        for case in cases:
            if options.wants(case.name):
                result = harness.run(case, options)
                print(report.markdown(result), flush=True)
                results.append(result)
    if not results:
        print(f"{bench} has no case that contains {' or '.join(options.cases)}")
        return 2
    report.write(results, bench, folder)
    print(f"Written to {folder}/{bench}.json, .md, .png")
    missing = {name for result in results for name in result.missing}
    if missing and not options.quick:
        print(f"Not all could be measured: {', '.join(sorted(missing))}. See README.md.")
        return 1
    return 0


def _flags(arguments: argparse.Namespace) -> list[str]:
    """The options again, for the process of one bench."""
    flags = ["--quick"] if arguments.quick else []
    flags += [f"--case={case}" for case in arguments.case]
    if arguments.rounds:
        flags.append(f"--rounds={arguments.rounds}")
    if arguments.rows:
        flags.append(f"--rows={arguments.rows}")
    if arguments.peers_only:
        flags.append("--peers-only")
    if arguments.out:
        flags.append(f"--out={arguments.out}")
    return flags


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmarks of molt_sql against its peers.")
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="small data, few rounds: a smoke test")
    parser.add_argument("--case", action="append", default=[], help="only cases containing this")
    parser.add_argument("--rounds", type=int, help="instead of what the case asks for")
    parser.add_argument("--rows", type=int, help="rows of the table of pg benches and ipc_bulk")
    parser.add_argument("--peers-only", action="store_true", help="leave ours out")
    parser.add_argument("--out", type=Path, help="folder for the results")
    arguments = parser.parse_args()
    for what in arguments.what:
        if what not in BENCHES:
            parser.error(f"there is no bench {what!r}; there are {', '.join(BENCHES)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    if arguments.rows is not None and arguments.rows < ROWS_MIN:
        parser.error(f"--rows must be at least {ROWS_MIN}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
