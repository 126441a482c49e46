"""`ff-play discover HOST...`: read a site that nobody has described, and write an inventory for it."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffplay.errors import usage_error
from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.engine.discover.seeds import Reach
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play discover app1=10.0.0.5 -u deploy -b -o site.yml", "from one host with facenapi to the whole site"),
    ("ff-play discover app1 db1 db2 -e @paths.yml", "several hosts, with paths that are not the defaults"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    site = _options.group(parser, _options.SITE)
    parser.add_argument(
        "hosts",
        nargs="+",
        metavar="HOST",
        help="a host with facenapi, and any others: HOST, NAME=HOST, USER@HOST:PORT",
    )
    site.add_argument("-u", "--user", metavar="NAME", help="who logs in; by default what ~/.ssh/config says")
    site.add_argument("-b", "--become", action="store_true", help="become root by sudo")
    site.add_argument("--private-key", "--key-file", metavar="FILE", help="the key that logs in")
    site.add_argument("--ssh-common-args", metavar="ARGS", help="options as for ssh: --ssh-common-args='-J gate'")
    _options.extra_vars(parser)
    shown = _options.group(parser, _options.SHOWN)
    shown.add_argument("-o", "--output", metavar="FILE", help="write the inventory there, not to standard output")
    shown.add_argument("--force", action="store_true", help="write over a FILE that is there")
    _options.common(parser)
    _options.forks(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Read the site, and write what it is."""
    from ffplay.engine.discover.describe import describe
    from ffplay.engine.discover.discovery import Discovery
    from ffplay.engine.discover.odd_site import oddities
    from ffplay.engine.discover.seeds import seeds_of
    from ffplay.report import discovered
    from ffplay.verbs._look import ended, text

    path = _path(args)
    seeds, reach = seeds_of(args.hosts), _reach(args)
    with Discovery(args.forks) as discovery:
        site = discovery.find(seeds, reach)
    written, secrets = _written(reach)
    description = describe(site, by_name="inventory_hostname" in str(written))
    odd = oddities(site, description)
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    lines = discovered.inventory(site, description, odd, written, secrets=secrets, when=when)
    if path is not None:
        _write(path, args.secrets.mask("\n".join(lines) + "\n"))
    if args.json:
        output.line(text(discovered.document(site, description, odd, written)))
    elif path is None:
        output.lines(lines)
    else:
        output.lines([f"{path} is written: {len(site.hosts)} hosts, {sum(1 for _ in site.shards())} shards."])
        output.lines([discovered.heading(odd), *(f"  {discovered.said(one)}" for one in odd)] if odd else [])
    return ended(site.errors, style)


def _path(args: argparse.Namespace) -> Path | None:
    """Return where the inventory goes, None for standard output. Raise InputError for a file that would be lost."""
    if args.output is None:
        if args.force:
            raise usage_error("--force writes over a file, and no file is given", "-o FILE")
        return None
    path = Path(args.output).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        raise usage_error(f"{path} cannot be written: it is a directory, or is in none", "give another FILE")
    if path.exists() and not args.force:
        raise usage_error(f"{path} is there already", "give another FILE, or --force to write over it")
    return path


def _write(path: Path, text: str) -> None:
    """Write a file whole, under another name first."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _reach(args: argparse.Namespace) -> Reach:
    """Return how every host is reached."""
    from ffplay.engine.discover.seeds import Reach
    from ffplay.load import Sources
    from ffplay.verbs._vault import vault_of

    stated = {
        "ansible_user": args.user,
        "ansible_become": args.become or None,
        "ansible_ssh_private_key_file": args.private_key,
        "ansible_ssh_common_args": args.ssh_common_args,
    }
    found = {name: value for name, value in stated.items() if value is not None}
    return Reach(found, Sources(None, extra=tuple(args.extra_vars), vault=vault_of(args)))


def _written(reach: Reach) -> tuple[dict[str, Any], list[str]]:
    """Return the variables that an inventory has for all hosts, and the names of those that are secret."""
    from ffplay.load import plain
    from ffplay.load.findings import Findings
    from ffplay.load.hostvars import extra_variables
    from ffplay.load.inventory import joined
    from ffplay.secret import names_secret

    given = joined(extra_variables(reach.sources.extra, Findings(reach.sources.vault)))
    secrets = [name for name, value in given.items() if names_secret(name) or _has_secret(value)]
    found = dict(reach.variables)
    found.update(plain({name: value for name, value in given.items() if name not in secrets}))
    return found, secrets


def _has_secret(value: Any) -> bool:
    from ffplay.secret import Secret

    if isinstance(value, dict):
        return any(map(_has_secret, value.values()))
    return any(map(_has_secret, value)) if isinstance(value, list) else isinstance(value, Secret)
