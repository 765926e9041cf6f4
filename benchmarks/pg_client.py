"""Programs without Python as contestants: our C++ client, and pgbench. Both tell their own time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from harness import Op
from pg_floor import NotBuiltError
from pg_small_peers import Small

ROOT = Path(__file__).parent.parent
QUERIES = 10_000
"""Of one operation."""
PGBENCH_FOLDERS = "/usr/lib/postgresql/*/bin/pgbench"


@cache
def build(program: str) -> Path:
    """A program of cpp/, built by CMake with the flags of the extension."""
    for command in (
        ["cmake", "--preset", "bench"],
        ["cmake", "--build", "--preset", "bench", "--target", f"bench_{program}"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotBuiltError(f"{program} is not built: {done.stdout[-500:]}{done.stderr[-500:]}")
    return ROOT / "build" / "bench" / f"bench_{program}"


@contextmanager
def client(small: Small, connections: int, way: str) -> Iterator[Op]:
    """`way` is autocommit or in_transaction: see cpp/pg_client.cc."""
    command = [build("pg_client"), small.url, way, str(connections), small.sql(), str(small.rows)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(_: int) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{QUERIES}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("pg_client failed; its message is above")
            answer = json.loads(line)
            if answer["rows"] != QUERIES:
                raise RuntimeError(f"pg_client read {answer['rows']} rows of {QUERIES}")
            return float(answer["wall_s"])

        yield run


@contextmanager
def pgbench(small: Small, connections: int, in_transaction: bool) -> Iterator[Op]:
    """One thread, as ours. The time to connect does not count."""
    program = _pgbench()
    script = f"{small.sql((':id', ''))};\n"
    if in_transaction:
        script = f"begin read only;\n{script}rollback;\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set id random(1, {small.rows})\n{script}")
        file.flush()
        each = str(QUERIES // connections)
        command = [program, "-n", "-M", "prepared", "-f", file.name, "-j", "1"]
        command += ["-c", str(connections), "-t", each, small.url]

        def run(_: int) -> float:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rate = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", done.stdout)
            if rate is None:
                raise RuntimeError(f"pgbench told no rate: {done.stdout}{done.stderr}")
            return QUERIES / float(rate[1])

        yield run


def _pgbench() -> str:
    found = shutil.which("pgbench")
    if found is not None:
        return found
    installed = sorted(Path("/").glob(PGBENCH_FOLDERS.lstrip("/")))
    if not installed:
        raise NotBuiltError("pgbench is not installed")
    return str(installed[-1])
