"""What all tests share: the servers' fixtures, and the flag that rewrites golden files."""

import sys
from pathlib import Path

import pytest

# Tests are no package; their helpers are found from here.
sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["servers.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update",
        action="store_true",
        help="rewrite what the golden files in tests/golden expect; read the difference before"
        " committing it",
    )
