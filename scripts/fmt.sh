#!/usr/bin/env bash
# Formats the C++ and the Python sources.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh --no-build check
mapfile -t sources < <(cpp_sources)
.venv/bin/clang-format -i "${sources[@]}"
.venv/bin/ruff check --quiet --fix-only .
.venv/bin/ruff format --quiet .
