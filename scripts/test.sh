#!/usr/bin/env bash
# Runs every test: C++ under AddressSanitizer and UndefinedBehaviorSanitizer, then pytest, with one
# PostgreSQL server for all of them. Arguments go to pytest. CPP=0 leaves the C++ tests out.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

if [[ ${1:-} != --with-server ]]; then
  scripts/setup.sh test demo
  exec .venv/bin/python tests/servers/postgres.py run -- scripts/test.sh --with-server "$@"
fi
shift

status=0
if [[ ${CPP:-1} != 0 ]]; then
  say "C++ tests (ASan, UBSan)"
  build dev
  ctest --preset dev || status=1
fi
say "Python tests"
.venv/bin/python -m pytest -n auto --dist worksteal "$@" || status=1
exit $status
