#!/bin/sh
# Makes every operation of a migration go wrong in every way, and puts the figures into docs/safety.md.
# Takes the arguments of `python -m tests.fault`; without any it takes hours.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/.ci/setup.sh"
cd "$root" || exit
setup dev
exec "$python" -m tests.fault --rollback 5 --killed 6 --document docs/safety.md --results fault-results.jsonl "$@"
