#!/usr/bin/env bash
# Runs each *_fuzz.cc for a while, from its committed corpus, as many at a time as there are cores.
# Usage: scripts/fuzz.sh [SECONDS] (60).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_packages clang libclang-rt-14-dev
scripts/setup.sh --no-build
build fuzz

export SECONDS_EACH="${1:-60}"
run() {
  local name=$1 status=0
  mkdir -p "tests/fuzz/$name" "build/fuzz/corpus/$name"
  # New inputs go to the build folder; the committed corpus is only read.
  "build/fuzz/$name" -max_total_time="$SECONDS_EACH" -artifact_prefix="build/fuzz/$name-" \
    "build/fuzz/corpus/$name" "tests/fuzz/$name" >"build/fuzz/$name.log" 2>&1 || status=1
  if ((status)); then tail -40 "build/fuzz/$name.log"; fi
  printf '%s: %s\n' "$name" "$(tail -1 "build/fuzz/$name.log")"
  return $status
}
export -f run
say "Fuzzers, $SECONDS_EACH s each"
find build/fuzz -maxdepth 1 -name '*_fuzz' -type f -printf '%f\0' | sort -z |
  xargs -0 -P "$(nproc)" -I NAME bash -c 'run NAME'
