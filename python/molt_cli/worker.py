"""`molt worker`: becomes molt-worker."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .problems import CommandError

VARIABLE = "MOLT_WORKER_BINARY"
PROGRAM = "molt-worker"


def find() -> str:
    """The variable, then beside the interpreter, then PATH; CommandError says what to do."""
    if named := os.environ.get(VARIABLE):
        if found := shutil.which(os.path.abspath(named)):
            return found
        raise CommandError(
            f'{VARIABLE} names "{named}", which is no program that can be run; correct it or unset it'
        )
    # Not resolved: in a virtual environment the interpreter is a link to one elsewhere.
    beside = Path(sys.executable).with_name(PROGRAM)
    if found := shutil.which(str(beside)) or shutil.which(PROGRAM):
        return found
    raise CommandError(
        f"there is no {PROGRAM} beside {sys.executable} and none on PATH; install molt-db with it,"
        f" or name one in {VARIABLE}"
    )


def run(args: Sequence[str]) -> NoReturn:
    """Never returns: the worker has this process, its signals and its exit code."""
    program = find()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(program, [program, *args])
    except OSError as error:
        raise CommandError(f'"{program}" cannot be run: {error.strerror}') from None
