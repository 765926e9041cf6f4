"""Running `molt` as a user does: a process of its own, perhaps on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from servers.processes import environment

ENDS_WITHIN_S = 60
MOLT = (sys.executable, "-m", "molt_cli")


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what the machine has set for libpq, molt and terminals."""
    unset = ("MOLT_", "NO_COLOR", "FORCE_COLOR", "_MOLT", "COLUMNS")
    mine = {name: text for name, text in environment().items() if not name.startswith(unset)}
    return mine | {"TERM": "xterm"} | more


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def molt(
    *args: object,
    env: Mapping[str, str] | None = None,
    text: str = "",
    cwd: Path | None = None,
) -> Done:
    done = subprocess.run(
        [*MOLT, *map(str, args)],
        input=text.encode(),
        capture_output=True,
        check=False,
        env=clean_environment(**(env or {})),
        cwd=cwd,
        timeout=ENDS_WITHIN_S,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def fails(*args: object, code: int, words: str, **how: Any) -> Done:
    """It ends with this code and one line on stderr that has the words; nothing else."""
    done = molt(*args, **how)
    assert done.code == code, done
    assert re.search(words, done.err), done.err
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("molt")
    assert "Traceback" not in done.err
    assert done.out == ""
    return done


class Running:
    """A `molt` that runs until it is waited for."""

    def __init__(self, *args: object, **env: str) -> None:
        self.process = subprocess.Popen(
            [*MOLT, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(**env),
        )

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def wait(self) -> Done:
        out, err = self.process.communicate(timeout=ENDS_WITHIN_S)
        return Done(self.process.returncode, out.decode(), err.decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Terminal:
    """A `molt` whose standard streams are a terminal, or some of them."""

    def __init__(
        self, *args: object, streams: str = "in out err", columns: int = 80, **env: str
    ) -> None:
        self._master, ours = pty.openpty()
        size = {"COLUMNS": str(columns), "LINES": "40"}
        self.process = subprocess.Popen(
            [*MOLT, *map(str, args)],
            stdin=ours if "in" in streams else subprocess.DEVNULL,
            stdout=ours if "out" in streams else subprocess.DEVNULL,
            stderr=ours if "err" in streams else subprocess.DEVNULL,
            env=clean_environment(**size, **env),
        )
        os.close(ours)
        self.seen = ""

    def read_until(self, words: str, seconds: float = ENDS_WITHIN_S) -> str:
        """All that was shown so far, as soon as the words are in it."""
        deadline = time.monotonic() + seconds
        while words not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} is not in {self.seen!r}"
            if not self._read(left):
                assert words in self.seen, f"{words!r} is not in {self.seen!r}"
        return self.seen

    def forget(self) -> None:
        self.seen = ""

    def _read(self, seconds: float) -> bool:
        if select.select([self._master], [], [], max(seconds, 0))[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how the end of a terminal is told
                return False
            self.seen += data.decode(errors="replace")
            return bool(data)
        return True

    def wait(self) -> tuple[int, str]:
        """Its exit code and all that was shown."""
        while self._read(ENDS_WITHIN_S):
            pass
        return self.process.wait(ENDS_WITHIN_S), self.seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


def plain(shown: str) -> str:
    """Without colours, the cursor's ways and carriage returns."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")
