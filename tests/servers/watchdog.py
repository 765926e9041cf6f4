"""Cleans up after a server whose starter is gone, however it went, SIGKILL included.

Run by `processes.Guard` as a program of its own. Its argument is the server's folder; each line
of its standard input is the process to end instead of the one before, 0 for none. The end of its
input means that the starter closed it or died: the process is ended and the folder removed.
"""

import os
import select
import shutil
import signal
import sys

ENDS_WITHIN_S = 10


def main() -> None:
    guarded: int | None = None  # a pidfd: unlike a number, it never comes to mean another process
    for line in sys.stdin:
        if guarded is not None:
            os.close(guarded)
        try:
            guarded = os.pidfd_open(int(line)) if int(line) else None
        except ProcessLookupError:
            guarded = None
    if guarded is not None:
        end(guarded)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def end(process: int) -> None:
    try:
        # For PostgreSQL "immediate": its own children are ended, shared memory is given back.
        signal.pidfd_send_signal(process, signal.SIGQUIT)
        if not select.select([process], [], [], ENDS_WITHIN_S)[0]:
            signal.pidfd_send_signal(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    main()
