# Sourced by the start scripts: installs what is missing and says so. Leaves $python, a virtual environment's Python
# that has ffplay and all it needs. Never starts, stops or restarts a service.

set -eu

say() { printf '==> %s\n' "$*"; }

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The packages of those programs that are missing.
missing_packages() {
  [ -x /usr/sbin/sshd ] || printf 'openssh-server '
  command -v ssh-keygen >/dev/null 2>&1 || printf 'openssh-client '
  command -v tarantool >/dev/null 2>&1 || printf 'tarantool '
  find_python >/dev/null 2>&1 || printf 'python3 '
  "$(find_python || echo false)" -c 'import ensurepip, venv' >/dev/null 2>&1 || printf 'python3-venv '
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || package_of "$program"
  done
}

package_of() {
  case $1 in
    systemd-nspawn) printf 'systemd-container ' ;;
    ip) printf 'iproute2 ' ;;
    groff) printf 'groff-base ' ;;
    *) printf '%s ' "$1" ;;
  esac
}

find_python() {
  for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# Installing a server package starts the server, unless this file of Debian's says no. It is there only meanwhile.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 0755 "$policy"
    made=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || true
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || made_ok=no
  [ -z "$made" ] || as_root rm -f "$policy"
  [ "${made_ok:-yes}" = yes ] || fail "apt-get could not install: $*"
}

# setup EXTRA PROGRAM...: install the programs and the Python packages of one extra of pyproject.toml.
setup() {
  extra=$1
  shift
  wanted=$(missing_packages "$@")
  if [ -n "$wanted" ]; then
    say "Installing from Debian's packages: $wanted"
    # shellcheck disable=SC2086
    install_packages $wanted
  fi
  base=$(find_python) || fail "Python 3.11 or later is needed; this machine has $(python3 --version 2>&1)"
  environment=$root/.venv
  python=$environment/bin/python
  stamp=$environment/.installed-$extra
  digest=$(sha256sum "$root/pyproject.toml" | cut -d' ' -f1)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ]; then
    say "Installing the Python packages into .venv"
    [ -x "$python" ] || "$base" -m venv "$environment"
    "$python" -m pip install --quiet --disable-pip-version-check -e "$root[$extra]"
    printf '%s\n' "$digest" > "$stamp"
  fi
}
