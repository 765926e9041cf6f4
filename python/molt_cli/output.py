"""Where bytes go: standard output, or a file that is there completely or not at all."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class Counted:
    """A binary file that counts what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    # What pyarrow asks of a file.
    closed = False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        """Whoever opened the file closes it."""


@contextmanager
def opened(path: Path | None) -> Generator[Counted]:
    """The block's output. A file comes to be at its end; if the block raises, it never does."""
    if path is None:
        out = Counted(sys.stdout.buffer)
        yield out
        out.flush()
        return
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):  # a device or a pipe
        with path.open("wb") as file:
            yield Counted(file)
        return
    # What a link leads to is replaced, not the link.
    path = Path(os.path.realpath(path))
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield Counted(file)
            os.fchmod(file.fileno(), _usual_mode() if mode is None else stat.S_IMODE(mode))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _mode_of(path: Path) -> int | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "is a folder; name a file in it", str(path))
    return mode


def _usual_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
