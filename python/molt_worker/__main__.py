"""`python -m molt_worker …` is `molt-worker …`, within this process."""

import os
import sys

from molt_sql._molt import _run_worker


def main() -> None:
    """Serves until it is told to stop; all arguments are the worker's own."""
    sys.exit(_run_worker([os.fsencode(argument) for argument in sys.argv[1:]]))


if __name__ == "__main__":
    main()
