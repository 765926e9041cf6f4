#!/usr/bin/env bash
# Format, lint, types and the arrows between rooms. Goes through all of them, then says which failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh test check demo
PATH=$PWD/.venv/bin:$PATH
failed=()

run() {
  local name=$1
  shift
  say "$name"
  "$@" || failed+=("$name")
}

mapfile -t sources < <(cpp_sources)
python_dirs=()
for dir in python tests examples benchmarks scripts cmake; do [[ -d $dir ]] && python_dirs+=("$dir"); done

run clang-format clang-format --dry-run -Werror "${sources[@]}"
run clang-tidy python scripts/clang_tidy.py
run "ruff check" ruff check "${python_dirs[@]}"
run "ruff format" ruff format --check "${python_dirs[@]}"
run mypy mypy
run pyright pyright
run "tidy test" python -m pytest -q tests/tidy

((${#failed[@]} == 0)) || die "make check failed: ${failed[*]}"
say "make check: all is well"
