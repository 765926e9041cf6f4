"""Where the program `molt-worker` is."""

import os
import shutil
import sys
import sysconfig

WORKER = "molt-worker"


def worker_binary() -> str:
    """That of $MOLT_WORKER_BINARY, else of this Python's environment, else on PATH."""
    if named := os.environ.get("MOLT_WORKER_BINARY"):
        return named
    beside = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    # A name alone is looked up by whoever starts it, and told if it is not there.
    return shutil.which(WORKER, path=os.pathsep.join(beside)) or WORKER
