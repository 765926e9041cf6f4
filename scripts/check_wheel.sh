#!/usr/bin/env bash
# Builds the wheel as a user's pip would and imports it from a fresh environment.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh --no-build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "Wheel"
.venv/bin/python -m pip wheel --quiet --no-deps --wheel-dir "$work" .
.venv/bin/python -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet "$work"/molt_db-*.whl
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.metadata
import pathlib

import molt_cli
import molt_sql

package = pathlib.Path(molt_sql.__file__).parent
for name in ("_molt.pyi", "py.typed"):
    assert (package / name).is_file(), f"the wheel lacks {name}"
print("imported molt-db", importlib.metadata.version("molt-db"), "from a fresh environment")
PYTHON
venv/bin/molt-worker --version
venv/bin/python -m molt_worker --version
venv/bin/molt worker --version  # needs no extra
! venv/bin/molt --help 2>needs || die "molt runs without its extra [cli]"
grep -q 'molt-db\[cli\]' needs || die "molt does not say which extra it needs: $(<needs)"
