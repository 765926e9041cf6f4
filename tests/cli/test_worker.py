"""`molt worker` becomes the molt-worker that it finds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.tools import MOLT, Running, clean_environment, fails, molt
from servers.processes import wait_until
from servers.worker import worker_binary

SAYS_ITS_ARGUMENTS = '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "programs" / "molt-worker"
    path.parent.mkdir()
    path.write_text(SAYS_ITS_ARGUMENTS)
    path.chmod(0o755)
    return path


def test_every_argument_is_passed_on_and_the_exit_code_is_the_workers(program: Path) -> None:
    args = ["--help", "--stdio", "-x", "--", "two words", "", "--metrics-socket=a"]
    done = molt("worker", *args, env={"MOLT_WORKER_BINARY": str(program)})
    assert done.out == "".join(f"{arg}\n" for arg in args)
    assert done.code == 7


def test_it_is_looked_for_beside_the_interpreter_and_on_the_path(
    program: Path, tmp_path: Path
) -> None:
    # An environment of its own, as the tests' own may have a worker beside its interpreter.
    beside = tmp_path / "bin" / "python"
    beside.parent.mkdir()
    beside.symlink_to(os.path.realpath(sys.executable))
    env = clean_environment(PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    command = [beside, "-m", "molt_cli", "worker", "x"]

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env | more)

    done = run(PATH=str(tmp_path))
    assert done.returncode == 1
    assert "no molt-worker beside" in done.stderr
    assert "MOLT_WORKER_BINARY" in done.stderr
    assert run(PATH=str(program.parent)).returncode == 7
    shutil.copy(program, beside.with_name("molt-worker"))
    assert run(PATH=str(tmp_path)).returncode == 7


def test_a_variable_that_names_no_program_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        env = {"MOLT_WORKER_BINARY": str(path)}
        fails("worker", "--stdio", code=1, words="MOLT_WORKER_BINARY names", env=env)
    text = tmp_path / "text"
    text.write_text("no program\n")
    text.chmod(0o755)
    env = {"MOLT_WORKER_BINARY": str(text)}
    fails("worker", code=1, words="cannot be run", env=env)


def test_the_real_worker_runs_and_gets_the_signals() -> None:
    env = {"MOLT_WORKER_BINARY": str(worker_binary())}
    assert "molt-worker" in molt("worker", "--version", env=env).out
    told = subprocess.run(
        [*MOLT, "worker", "--stdio"],
        input=b"",
        capture_output=True,
        check=False,
        env=clean_environment(MOLT_DB_SQLITE_PATH=":memory:", **env),
        timeout=60,
    )
    assert (told.returncode, told.stdout) == (0, b"")


def test_the_worker_has_the_process_of_molt(tmp_path: Path, program: Path) -> None:
    program.write_text('#!/bin/sh\necho $$ > "$1"\nexec sleep 60\n')
    told = tmp_path / "pid"
    with Running("worker", told, MOLT_WORKER_BINARY=str(program)) as running:
        wait_until(lambda: told.exists() and told.read_text().endswith("\n"), what="it runs")
        assert int(told.read_text()) == running.process.pid
        running.signal(signal.SIGTERM)
        assert running.wait().code == -signal.SIGTERM
