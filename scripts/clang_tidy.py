"""Runs clang-tidy over our sources, two at a time, skipping those that passed unchanged before.

A file's stamp is the hash of everything its result depends on: the configuration, its compile
command, its text and the text of each of our headers it includes, however far.
"""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
STAMPS = ROOT / "build" / "clang-tidy"
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
JOBS = 2


def with_headers(source: Path, seen: set[Path]) -> set[Path]:
    """`source` and each header of ours that it reaches."""
    if source in seen:
        return seen
    seen.add(source)
    for name in INCLUDE.findall(source.read_text()):
        for header in (ROOT / "src" / name, source.parent / name):
            if header.is_file():
                with_headers(header.resolve(), seen)
                break
    return seen


def stamp_of(source: Path, command: str) -> Path:
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + command.encode())
    for file in sorted(with_headers(source, set())):
        digest.update(file.read_bytes())
    return STAMPS / digest.hexdigest()


def check(source: Path, stamp: Path) -> bool:
    result = subprocess.run(
        [
            "clang-tidy",
            "--quiet",
            f"-p={BUILD}",
            "--extra-arg=-Wno-unknown-warning-option",
            "--extra-arg=-Wno-ignored-optimization-argument",
            str(source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        stamp.touch()
        return True
    print(f"{source.relative_to(ROOT)}:\n{result.stdout}{result.stderr}", flush=True)
    return False


def main() -> int:
    STAMPS.mkdir(parents=True, exist_ok=True)
    ours = (ROOT / "src", ROOT / "bindings")
    todo = []
    total = 0
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        if not any(source.is_relative_to(folder) for folder in ours):
            continue
        total += 1
        stamp = stamp_of(source, entry["command"])
        if not stamp.exists():
            todo.append((source, stamp))
    with ThreadPoolExecutor(JOBS) as pool:
        passed = sum(pool.map(lambda item: check(*item), todo))
    print(f"{total} files, {len(todo)} to look at, {len(todo) - passed} with findings")
    return 0 if passed == len(todo) else 1


if __name__ == "__main__":
    sys.exit(main())
