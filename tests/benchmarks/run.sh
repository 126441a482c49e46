#!/bin/sh
# Measures ffplay, its peers and the floors at the same job on sites of this machine.
# `run.sh --help` has the options; docs/benchmarks.md has what is measured, and what came out.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/.ci/setup.sh"
cd "$root"
setup dev unshare
exec "$python" -m tests.benchmarks "$@"
