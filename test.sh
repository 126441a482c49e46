#!/bin/sh
# Runs the whole test suite, after installing what is missing. Arguments go to pytest.
root=$(cd "$(dirname "$0")" && pwd)
. "$root/.ci/setup.sh"
cd "$root"
setup dev sudo unshare

# The MongoDB parts are tested with both lines of the driver: 3.13 for sites of today, 4 for later ones.
second=$root/.venv-pymongo4
if [ ! -e "$second/.installed" ]; then
  say "Installing the later MongoDB driver into .venv-pymongo4"
  "$(find_python)" -m venv "$second"
  "$second/bin/python" -m pip install --quiet --disable-pip-version-check 'pymongo>=4.6,<5' -e "$root[lab]"
  touch "$second/.installed"
fi

say "Running the tests"
exec "$python" -m pytest -n 4 "$@"
