#!/bin/sh
# Measures ffplay, its peers and the floors at the same job on sites of this machine.
# Without options: everything, with docs/benchmarks.md and the README's chart written anew. `--help` has the options.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/.ci/setup.sh"
cd "$root"
setup dev unshare
[ $# -gt 0 ] || set -- --document
exec "$python" -m tests.benchmarks "$@"
