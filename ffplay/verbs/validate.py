"""`ff-play validate`: check a playbook and its inventory without reaching any host."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._playbook import load_playbook

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (("ff-play validate playbooks/switch-model.yml -i site.yml", "every mistake at once"),)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.sources(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Tell that the input is right; what is wrong was raised."""
    from ffplay.report.style import plural

    loaded = load_playbook(args)
    plays = loaded.playbook.plays if loaded.playbook else ()
    counts = {
        "plays": len(plays),
        "steps": sum(len(play.steps) for play in plays),
        "hosts": len(loaded.site.hosts),
        "shards": sum(len(host.shards) for host in loaded.site.hosts),
    }
    if args.json:
        output.line(json.dumps({"valid": True, **counts}))
        return 0
    words = ", ".join(plural(count, noun.removesuffix("s")) for noun, count in counts.items())
    output.line(f"{args.playbook}: {style.paint('green', 'valid')}: {words}")
    return 0
