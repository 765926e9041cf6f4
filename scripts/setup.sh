#!/usr/bin/env bash
# Makes a checkout ready to use: system packages, .venv, the extension module. Quick when nothing
# changed. Usage: scripts/setup.sh [--no-build] [GROUP...]
# GROUP is a dependency group of pyproject.toml to install.
# PYTHON names the interpreter to build .venv from (default python3).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

with_build=true
if [[ ${1:-} == --no-build ]]; then
  with_build=false
  shift
fi

packages=(g++ cmake ninja-build ccache git python3-dev python3-venv libasio-dev libsqlite3-dev
  libpq-dev libssl-dev libpg-query-dev libexpected-dev libmsgpack-cxx-dev rapidjson-dev libspdlog-dev
  libcli11-dev libtomlplusplus-dev libgtest-dev libgmock-dev librapidcheck-dev)
# Servers that tests and benchmarks start for themselves: those that Debian sets up are not used.
for group in "$@"; do
  [[ $group != test && $group != bench ]] || packages+=(postgresql pgbouncer openssl)
  [[ $group != bench ]] || packages+=(wrk)
done
need_packages "${packages[@]}"

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 or newer is needed, $python is $("$python" -V). Set PYTHON=/path/to/python3.11."
  say "Making .venv"
  "$python" -m venv --clear .venv
  .venv/bin/python -c 'import sysconfig, pathlib
pathlib.Path(sysconfig.get_path("purelib"), "molt_db_checkout.pth").write_text(
    str(pathlib.Path("python").resolve()) + "\n")'
fi

# A stamp per group holds the hash of what it was installed from.
wanted=$(sha256sum <pyproject.toml)
for group in build-system "$@"; do
  stamp=.venv/installed-$group
  [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && continue
  say "Installing Python packages: $group"
  if [[ $group == build-system ]]; then
    .venv/bin/python -c 'import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' |
      .venv/bin/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --group "$group"
  fi
  echo "$wanted" >"$stamp"
done

# What a wheel installs as its entry point.
printf '#!/bin/sh\nexec "%s" -m molt_cli "$@"\n' "$PWD/.venv/bin/python" >.venv/bin/molt
chmod +x .venv/bin/molt

if $with_build; then
  build release
  # Beside the interpreter, where a wheel installs it.
  ln -sfn "$PWD/build/release/molt-worker" .venv/bin/molt-worker
fi
