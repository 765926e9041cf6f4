"""The floor program as a contestant: the same statement, received and thrown away (a part).

It is compiled on first use, with g++ and libpq's headers, and stays under benchmarks/.cache.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import data
from harness import Op

SOURCE = Path(__file__).parent / "floor" / "pg_floor.cc"


class NotBuiltError(ImportError):
    """What a contestant needs could not be compiled; the harness reports it as missing."""


def build(source: Path) -> Path:
    """The program compiled from `source`, which links libpq, with the flags of a release."""
    if shutil.which("g++") is None or shutil.which("pg_config") is None:
        raise NotBuiltError(f"{source.name} needs g++ and pg_config (libpq-dev)")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = data.CACHE / f"{source.stem}-{digest}"
    if not program.exists():
        data.CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(".making")
        include, library = (_pg_config(what) for what in ("--includedir", "--libdir"))
        command = ["g++", "-O2", "-std=c++20", f"-I{include}", source, "-o", unfinished]
        done = subprocess.run(
            [*command, f"-L{library}", "-lpq"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NotBuiltError(f"{source.name} does not compile: {done.stderr.strip()[:500]}")
        unfinished.rename(program)
    return program


def _pg_config(what: str) -> str:
    done = subprocess.run(["pg_config", what], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def floor(url: str, statements: Sequence[str], params: Sequence[object] = ()) -> Iterator[Op]:
    """The operation runs every statement at once, each on a connection of its own, kept open.

    It returns the number of rows. Its time includes one line through a pipe and back, some 50 µs.
    """
    program = build(SOURCE)
    with ExitStack() as stack:
        processes = []
        for sql in statements:
            process = subprocess.Popen(
                [program, url, sql, *map(str, params)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(stack.enter_context(process))

        def read(_: int) -> int:
            for process in processes:
                process.stdin.write("\n")
                process.stdin.flush()
            lines = [process.stdout.readline() for process in processes]
            if not all(lines):
                raise RuntimeError("the floor program failed; its message is above")
            return sum(json.loads(line)["rows"] for line in lines)

        yield read
