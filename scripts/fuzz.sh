#!/usr/bin/env bash
# Runs each *_fuzz.cc for a while, from and into its corpus. Usage: scripts/fuzz.sh [SECONDS] (60).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_packages clang libclang-rt-14-dev
scripts/setup.sh --no-build
build fuzz
for fuzzer in build/fuzz/*_fuzz; do
  say "$(basename "$fuzzer")"
  corpus=tests/fuzz/$(basename "$fuzzer")
  mkdir -p "$corpus" "build/fuzz/corpus/$(basename "$fuzzer")"
  # New inputs go to the build folder; the committed corpus is only read.
  "$fuzzer" -max_total_time="${1:-60}" -print_final_stats=1 \
    "build/fuzz/corpus/$(basename "$fuzzer")" "$corpus"
done
