"""`python -m molt_worker …` is `molt-worker …` of this Python's environment."""

import os
import sys

from molt_sql._worker import worker_binary


def main() -> None:
    """Becomes the worker; all arguments are its own."""
    binary = worker_binary()
    try:
        os.execvp(binary, [binary, *sys.argv[1:]])
    except FileNotFoundError:
        sys.exit(
            f"{binary} was not found: it is installed with molt-db, or named by MOLT_WORKER_BINARY"
        )


if __name__ == "__main__":
    main()
