"""`ff-play lab`: bring up a small real site on this machine to rehearse on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play lab up --hosts 2 --shards 2 --faces 2000", "a site in ./ffplay-lab; its inventory is named at the end"),
    ("ff-play lab status", "what runs"),
    ("ff-play lab down", "end it"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own verbs and their arguments."""
    verbs = parser.add_subparsers(dest="lab_verb", metavar="up|down|status", required=True)
    for name, text in (("up", "bring the lab up"), ("down", "end it"), ("status", "tell what runs")):
        verb = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
        verb.add_argument("--dir", default="ffplay-lab", metavar="DIR", help="the lab's directory (./ffplay-lab)")
        _options.common(verb)
        if name == "up":
            _up(verb)


def _up(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--hosts", type=_options.positive, default=2, metavar="N", help="hosts with shards (2)")
    verb.add_argument("--shards", type=_options.positive, default=2, metavar="N", help="shards on each (2)")
    verb.add_argument("--faces", type=_options.natural, default=2000, metavar="N", help="faces in MongoDB (2000)")
    verb.add_argument(
        "--model", default="apricot_320", metavar="NAME", help="the model that the site is at (apricot_320)"
    )
    kinds = "what its hosts are: directories of this machine, or whole machines with systemd (root) (loopback)"
    verb.add_argument("--driver", choices=("loopback", "nspawn"), default="loopback", help=kinds)
    verb.add_argument("--standalone", action="store_true", help="everything on one host with one shard")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Bring the lab up or down, or tell what runs; `status` ends with 0 only where all of it does."""
    from ffplay.lab import site
    from ffplay.lab.layout import LabOptions
    from ffplay.report.lab import status_lines

    directory = Path(args.dir)
    progress = (lambda _: None) if args.json else output.line
    if args.lab_verb == "down":
        site.down(directory, progress)
        return 0
    if args.lab_verb == "up":
        options = LabOptions(
            args.hosts,
            args.shards,
            args.faces,
            args.model,
            directory=directory,
            standalone=args.standalone,
            driver=args.driver,
        )
        site.up(options, progress)
    found = site.status(directory)
    if args.json:
        from ffplay.report.plain import plain

        output.line(json.dumps({"running": found.running, **plain(found)}, indent=2, ensure_ascii=False))
    else:
        output.lines(status_lines(found, style))
    return 0 if found.running else 1
