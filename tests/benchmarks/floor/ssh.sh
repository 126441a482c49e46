#!/bin/sh
# Floor A: `ssh HOST sh -s` on all hosts at once, with the script beside this one.
# ssh.sh SSH_CONFIG OUTPUT_DIRECTORY MODE SIZE "SSH OPTIONS" HOST...
config=$1 out=$2 mode=$3 size=$4 options=$5
shift 5
script=$(dirname "$0")/switch.sh
mkdir -p "$out"
first=$1 what=first
# shellcheck disable=SC2086
for host; do
  { ssh -F "$config" $options "$host" sh -s "$mode" "$size" "$what" < "$script" > "$out/$host" || : > "$out/$host.failed"; } &
  what=shards
done
wait
cat "$out"/*
for failed in "$out"/*.failed; do [ ! -e "$failed" ] || exit 1; done
if [ "$mode" = apply ] && ! grep -qx copied "$out/$first"; then
  # shellcheck disable=SC2086
  ssh -F "$config" $options "$first" sh -s "$mode" "$size" copy < "$script" || exit
fi
