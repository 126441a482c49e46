"""What is odd about a site as a whole: where its hosts and shards do not fit each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ffplay.engine.discover.describe import Description
from ffplay.engine.discover.odd_hosts import odd_host
from ffplay.engine.discover.odd_shards import odd_shard
from ffplay.engine.discover.oddity import Oddity
from ffplay.engine.discover.parts import groups_of
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.findface import MODELS


def oddities(site: SiteReading, description: Description) -> tuple[Oddity, ...]:
    """Return everything that is odd: the site as a whole first, then host by host, shard by shard."""
    found = [odd for rule in (_parts, _table, _sizes, _numbers, _data, _mongo, _alike) for odd in rule(site)]
    for host in site.hosts:
        found += odd_host(site, host)
        found += [
            Oddity("left-out", name, shard, f"{why}, so it stands here as a comment", "give it ports of its own")
            for name, shard, why in description.left_out
            if name == host.name
        ]
        found += [odd for shard in host.shards for odd in odd_shard(site, host, shard)]
    return tuple(found)


def majority_size(site: SiteReading) -> int | None:
    """Return the facen size that most shards have, that of the configured model where they are even."""
    sizes = Counter(one.found.facen_size for _, one in site.shards() if one.found.facen_size is not None)
    models = [MODELS[h.extraction.model] for h in site.hosts if h.extraction and h.extraction.model in MODELS]
    most = [size for size, count in sizes.items() if count == max(sizes.values())]
    return next((size for size in models if size in most), most[0] if most else None)


def _parts(site: SiteReading) -> Iterator[Oddity]:
    groups = groups_of(site)
    for group, file in (("facenapi", "facenapi_ini"), ("extraction", "extraction_ini")):
        answered = [host for host in site.hosts if host.answered]
        if not groups[group] and answered:
            yield Oddity(
                "missing-part",
                "",
                "",
                f"no host that answered has {answered[0].variables[file]}: the group {group} is empty",
                f"name its host on the command line, or give the path with -e {file}=PATH",
            )
    apps = groups["facenapi"]
    for other in apps[1:]:
        first, second = apps[0].facenapi, other.facenapi
        if first and second and (first.mongo_db, first.mongo) != (second.mongo_db, second.mongo):
            yield Oddity(
                "facenapis-differ",
                other.name,
                "",
                f"its facenapi uses another MongoDB or database than that of {apps[0].name}",
                "the migration goes by the first; look whether these are two sites",
            )


def _table(site: SiteReading) -> Iterator[Oddity]:
    cells, app = site.cells(), site.facenapi
    if not cells or app is None:
        return
    named: set[tuple[str, str]] = set()
    for cell in cells:
        host, shard = site.of_cell(cell)
        if host is not None and shard is not None:
            named.add((host.name, shard.name))
        elif host is None or host.answered:
            where = f"{host.name} has no shard with that HTTP port" if host else "no host is known by that address"
            yield Oddity(
                "cell-without-shard",
                app.name,
                "",
                f"{app.table} names {cell}, and {where}",
                "faces of these cells are lost to searches: add the shard, or take it out of the table",
            )
    for host, shard in site.shards():
        if (host.name, shard.name) not in named and not shard.found.replication:
            yield Oddity(
                "shard-without-cell",
                host.name,
                shard.name,
                f"{app.name}'s {app.table} does not name it: the copy will leave it empty",
                "add it to the table, or retire it",
            )
    if max(cells.values()) - min(cells.values()) > 1:
        counts = ", ".join(f"{cell} {count}" for cell, count in sorted(cells.items(), key=lambda item: -item[1])[:4])
        yield Oddity(
            "uneven-cells",
            app.name,
            "",
            f"{app.table} does not spread its cells evenly ({counts})",
            "shards fill at different speeds",
        )


def _sizes(site: SiteReading) -> Iterator[Oddity]:
    most = majority_size(site)
    for host, shard in site.shards():
        size = shard.found.facen_size
        if size is not None and size != most:
            yield Oddity(
                "other-facen-size",
                host.name,
                shard.name,
                f"its file says facen_size {size}; most shards have {most}",
                "a half-done migration? A switch fills it anew with the others",
            )
    for host in site.hosts:
        model = host.extraction.model if host.extraction else ""
        if model in MODELS and most is not None and MODELS[model] != most:
            yield Oddity(
                "model-of-another-size",
                host.name,
                "",
                f"its model {model} makes facens of {MODELS[model]} floats, and the shards hold {most}",
                "the model was changed and the shards were not migrated: say `from` in the playbook",
            )


def _numbers(site: SiteReading) -> Iterator[Oddity]:
    """Tell of ids that two hosts have, where the site's numbers go on from host to host."""
    ids = {host.name: [one.found.shard.id for one in host.shards if one.found.shard.id] for host in site.hosts}
    if all(1 in numbers for numbers in ids.values() if numbers):
        return
    owner: dict[int, str] = {}
    for name, numbers in ids.items():
        for number in numbers:
            if owner.setdefault(number, name) != name:
                yield Oddity(
                    "shared-id",
                    name,
                    f"FindFace_shard_{number}",
                    f"{owner[number]} has a shard of that number too, and numbers go on from host to host here",
                    "look whether one of them is a copy of the other that was left behind",
                )


def _data(site: SiteReading) -> Iterator[Oddity]:
    """Tell of data that two shards have: each instance of Tarantool writes its own name into its files."""
    seen: dict[str, tuple[HostReading, ShardReading]] = {}
    for host, shard in site.shards():
        for instance in shard.data.instances if shard.data else ():
            other = seen.setdefault(instance, (host, shard))
            if other[1] is not shard:
                yield Oddity(
                    "shared-data",
                    host.name,
                    shard.name,
                    f"its data are those of {other[0].name} {other[1].name} (instance {instance})",
                    "one was copied from the other, or the hosts are one machine by two names",
                )
                break


def _mongo(site: SiteReading) -> Iterator[Oddity]:
    if site.mongo is None:
        return
    host = next(one for one in site.hosts if one.name == site.mongo_host)
    faces, facen = str(host.variables["mongo_faces"]), str(host.variables["mongo_field_facen"])
    if faces not in site.mongo.names:
        names = ", ".join(site.mongo.names) or "none"
        yield Oddity(
            "no-faces",
            host.name,
            "",
            f"MongoDB has no collection {faces} in the database that facenapi names; there are: {names}",
            "state mongo_faces, and the fields' names, as docs/inventory.md has them",
        )
    elif site.mongo.fields and facen not in site.mongo.fields:
        yield Oddity(
            "no-facen",
            host.name,
            "",
            f"a face in {faces} has no field {facen}; it has: {', '.join(site.mongo.fields)}",
            "state mongo_field_facen and the other fields' names",
        )
    most = majority_size(site)
    if site.mongo.facen_size and most is not None and site.mongo.facen_size != most:
        yield Oddity(
            "faces-of-another-size",
            host.name,
            "",
            f"a face in MongoDB has a facen of {site.mongo.facen_size} floats, and the shards hold {most}",
            "a half-done migration: the plan says what is left of it",
        )


def _alike(site: SiteReading) -> Iterator[Oddity]:
    """Tell of hosts that do the same work with different models or versions."""
    models = {host.name: host.extraction.model for host in site.hosts if host.extraction and host.extraction.model}
    versions = {host.name: host.identity.version("Tarantool") for host in site.hosts if host.identity and host.shards}
    for kind, what, found in (("other-model", "model", models), ("other-version", "Tarantool", versions)):
        told = {name: value for name, value in found.items() if value}
        usual = Counter(told.values()).most_common(1)
        for name, value in told.items():
            if value != usual[0][0]:
                yield Oddity(
                    kind,
                    name,
                    "",
                    f"its {what} is {value}; others of its kind have {usual[0][0]}",
                    "bring them to one before a migration",
                )
