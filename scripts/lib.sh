# Shared by the scripts of this folder, which source it from the root of the checkout.

say() { printf '\033[1m== %s\033[0m\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Installs the Debian packages that are missing, or names them and the command when not root.
need_packages() {
  local missing=() package
  command -v dpkg-query >/dev/null || {
    echo "Not a Debian or Ubuntu system: please provide the equivalents of: $*" >&2
    return
  }
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    die "These system packages are missing: ${missing[*]}
Install them with:
  sudo apt-get update && sudo apt-get install -y ${missing[*]}"
  fi
  say "Installing system packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
}

# Configures a CMake preset when needed and builds what changed: of the targets that follow, or of
# all.
build() {
  local preset=$1
  shift
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# Our own C++ sources, one per line.
cpp_sources() {
  local dir dirs=()
  for dir in src bindings apps examples/cpp; do [[ -d $dir ]] && dirs+=("$dir"); done
  find "${dirs[@]}" -name '*.cc' -o -name '*.h' | sort
}
