# The job as a person writes it for `ssh HOST sh -s MODE SIZE`: MODE is plan or apply, SIZE the new facen_size.
# It knows the site's paths, backs up and verifies before it deletes, and does only what is left. It has no journal, no
# lock, no diff, and reads nothing again. Prints what it does (or would do), and `copied` once the copy has run here.
mode=$1 size=$2 what=${3:-shards}
root=$BENCH_ROOT
fail() { echo "$1" >&2; exit 1; }
config=$root/etc/findface-facenapi.ini done=$root/var/lib/findface

if [ "$what" = copy ]; then
  mongo2searchapi --config="$config" || fail "the copy failed"
  exit
fi
if [ "$what" = first ]; then
  if [ ! -f "$done/regenerated" ]; then
    echo "regenerate"
    [ "$mode" = plan ] || findface-regenerate --config="$config" || fail "the regeneration failed"
  fi
  [ ! -f "$done/copied" ] || echo "copied"
fi

for conf in "$root"/etc/tarantool/instances.enabled/FindFace_shard_*.lua; do
  name=${conf##*/} name=${name%.lua}
  unit=tarantool@$name
  data=$root/opt/ntech/var/lib/tarantool/shard_${name##*_}
  backup=$root/var/backups/switch/$name
  if grep -q "facen_size = $size" "$conf" && systemctl is-active "$unit" >/dev/null; then continue; fi
  echo "$name: stop, back up, empty, write $conf with facen_size = $size, start"
  [ "$mode" != plan ] || continue
  systemctl stop "$unit" || fail "$unit does not stop"
  if [ ! -d "$backup" ]; then
    rm -rf "$backup.part"
    mkdir -p "$backup.part" || fail "no backup"
    cp -a "$data/snapshots" "$data/xlogs" "$data/index" "$conf" "$backup.part" || fail "no backup"
    for part in snapshots xlogs index; do
      diff -r "$data/$part" "$backup.part/$part" || fail "the backup differs"
    done
    cmp "$conf" "$backup.part/${conf##*/}" || fail "the backup differs"
    mv "$backup.part" "$backup" || fail "no backup"
  fi
  rm -f "$data"/snapshots/*.snap "$data"/xlogs/*.xlog "$data"/index/*.idx
  sed "s/facen_size = [0-9]*/facen_size = $size/" "$conf" > "$conf.new" && mv "$conf.new" "$conf" || fail "no $conf"
  systemctl start "$unit" || fail "$unit does not start"
  systemctl is-active "$unit" >/dev/null || fail "$unit did not stay up"
done
