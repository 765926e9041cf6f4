#!/usr/bin/env bash
# The mixed load on a worker that ThreadSanitizer watches, after the C++ tests of what it is made
# of. Any report fails the run, also one of a worker that was killed, or whose test passed.
# Usage: scripts/tsan.sh [--quick] [PYTEST ARGUMENT...]
# --quick is a part of the load. Arguments say which tests are run on the worker instead.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

load=(tests/client/test_ledger.py tests/client/test_concurrency.py
  tests/conformance/test_{overload,stream,stream_patience,deadlines,control,reads_postgres}.py)
requests=20000
if [[ ${1:-} == --quick ]]; then
  shift
  load+=(-k "one_reply or threads or giving_up or full_queue or overload or give_way or race")
  requests=3000
fi
(($# == 0)) || load=("$@")

scripts/setup.sh test
# The rooms that a worker consists of, but for those without a thread.
tested=(base codec wire db db_sqlite worker integration)
targets=("${tested[@]/#/molt_}")
build tsan molt-worker "${targets[@]/%/_test}"
worker=$PWD/build/tsan/molt-worker

# The runtime of older compilers needs a memory layout that not every kernel gives.
without_aslr=()
"$worker" --version >/dev/null 2>&1 || without_aslr=(setarch "$(uname -m)" -R)
"${without_aslr[@]}" "$worker" --version >/dev/null ||
  die "ThreadSanitizer does not run here: see sysctl vm.mmap_rnd_bits"

# Reports go to files: stdout and stderr of a worker belong to the tests. Nothing is suppressed:
# SQLite, libpq and OpenSSL are not watched, but their locks are seen, and none is reported wrongly.
reports=$PWD/build/tsan/reports
rm -rf "$reports"
mkdir -p "$reports"
export TSAN_OPTIONS="log_path='$reports/report' exitcode=66 second_deadlock_stack=1"
export MOLT_WORKER_BINARY=$worker
export MOLT_LEDGER_REQUESTS=$requests
# Bounds of time in the tests are so many times as long: what is watched is that much slower.
export MOLT_TESTS_SLOWER=4

failed=()
say "C++ tests (TSan)"
rooms=$(IFS='|'; echo "${tested[*]//_//}")
"${without_aslr[@]}" ctest --preset tsan -R "^($rooms): " || failed+=("C++ tests")
say "Mixed load on a worker (TSan)"
"${without_aslr[@]}" .venv/bin/python -m pytest -n auto --dist worksteal "${load[@]}" ||
  failed+=("tests on the worker")

mapfile -t found < <(find "$reports" -type f -size +0)
if ((${#found[@]})); then
  cat "${found[@]}"
  failed+=("${#found[@]} processes have reports, above and in $reports")
fi
((${#failed[@]} == 0)) || die "make tsan failed: $(IFS=';'; echo "${failed[*]}")"
say "make tsan: all is well"
