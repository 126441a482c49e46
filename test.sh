#!/bin/sh
# Runs the whole test suite, after installing what is missing. Arguments go to pytest.
# With FFPLAY_LAB_DRIVER=nspawn, as root: the tests of lab hosts that are whole machines, and the scenarios on such hosts.
root=$(cd "$(dirname "$0")" && pwd)
. "$root/.ci/setup.sh"
cd "$root"
workers=6  # more than cores: what takes long often waits for a process to start or to end
if [ "${FFPLAY_LAB_DRIVER:-}" = nspawn ]; then
  setup dev sudo unshare debootstrap systemd-nspawn ip
  workers=3  # each lab is three machines, and a Debian lets root have inotify instances for a dozen
  # Those that systemd makes a difference to; all of them: FFPLAY_LAB_DRIVER=nspawn ./test.sh tests/e2e
  machines="not scenario or another-size or killed-and-run or not-start or rolled-back-and-forth"
  [ $# -gt 0 ] || set -- -rs -m "not once" -k "$machines" tests/e2e/test_machines.py tests/e2e/test_detached.py tests/fault/test_machines.py tests/e2e/test_scenarios.py
else
  setup dev sudo unshare zsh fish groff  # the shells whose completion is tested, and what reads the manual page
fi

# The MongoDB parts are tested with both lines of the driver: 3.13 for sites of today, 4 for later ones.
second=$root/.venv-pymongo4
if [ "$(cat "$second/.installed" 2>/dev/null)" != "$digest" ]; then
  say "Installing the later MongoDB driver into .venv-pymongo4"
  [ -x "$second/bin/python" ] || "$base" -m venv "$second"
  "$second/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[lab]"
  # Over the declared one, as a user with later servers would; pip says that they differ.
  "$second/bin/python" -m pip install --quiet --disable-pip-version-check 'pymongo>=4.6,<5' 2>/dev/null
  printf '%s\n' "$digest" > "$second/.installed"
fi

# Inventories and vaults are compared with what the real Ansible makes of them.
ansible='ansible-core>=2.16,<2.20'
third=$root/.venv-ansible
if [ "$(cat "$third/.installed" 2>/dev/null)" != "$ansible" ]; then
  say "Installing $ansible into .venv-ansible"
  [ -x "$third/bin/python" ] || "$base" -m venv "$third"
  "$third/bin/python" -m pip install --quiet --disable-pip-version-check "$ansible"
  printf '%s\n' "$ansible" > "$third/.installed"
fi
FFPLAY_TEST_ANSIBLE=required  # tests that need it fail where it is not there, in place of being skipped
export FFPLAY_TEST_ANSIBLE

say "Running the tests"
exec "$python" -m pytest -n "$workers" --dist worksteal "$@"
