#!/bin/sh
# Migrates a small site on this machine from apricot_320 to cherry_480, after installing what is missing.
# The site is real where it can be: OpenSSH, Tarantool and MongoDB's wire protocol, on loopback addresses of its own.
# Servers that already run here are not touched. `./demo.sh DIRECTORY` says where the site goes.
root=$(cd "$(dirname "$0")" && pwd)
. "$root/.ci/setup.sh"
lab=${1:-$root/ffplay-lab}
case $lab in /*) ;; *) lab=$PWD/$lab ;; esac
cd "$root"
setup lab

ffplay() {
  printf '\n$ ff-play %s\n' "$*"
  "$root/.venv/bin/ff-play" "$@"
}

# A demo that ran before has left a site at its target: take it away, and begin again.
if [ -e "$lab/lab.json" ]; then
  say "Taking down the site of an earlier demo in $lab"
  "$root/.venv/bin/ff-play" lab down --dir "$lab"
  rm -rf "$lab"
elif [ -e "$lab" ]; then
  fail "$lab is there and is no site of this demo; name another directory: ./demo.sh DIRECTORY"
fi

say "Bringing up a site: 2 tntapi hosts with 2 shards each, 1 app host, 2,000 faces at apricot_320"
ffplay lab up --dir "$lab" --hosts 2 --shards 2 --faces 2000 --model apricot_320

say "What would change: reads the site, writes nothing"
ffplay plan playbooks/switch-model.yml -i "$lab/inventory.yml"

say "Making those changes"
ffplay apply playbooks/switch-model.yml -i "$lab/inventory.yml" --yes

say "Verifying once more: every face on the shards, and 1,000 facens compared byte for byte with MongoDB's"
ffplay verify playbooks/switch-model.yml -i "$lab/inventory.yml"

say "A second plan finds nothing to do"
ffplay plan playbooks/switch-model.yml -i "$lab/inventory.yml" --detailed-exitcode

cat <<END

==> Done. The site still runs in $lab

    look at it      .venv/bin/ff-play lab status --dir $lab
    log in          ssh -F $lab/ssh_config db1
    go on with it   .venv/bin/ff-play plan playbooks/switch-model.yml -i $lab/inventory.yml -e model=en2_face0
    go back         .venv/bin/ff-play rollback -i $lab/inventory.yml
    what was done   .venv/bin/ff-play runs -i $lab/inventory.yml
    take it down    .venv/bin/ff-play lab down --dir $lab
END
