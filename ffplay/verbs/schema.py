"""`ff-play schema`: print the JSON Schema by which an editor completes a playbook or an inventory."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play schema playbook > playbook.schema.json", "for a modeline of yaml-language-server"),
    ("ff-play schema inventory > inventory.schema.json", "the same for inventories"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("of", choices=("playbook", "inventory"), nargs="?", default="playbook", help="which (playbook)")
    _options.common(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Print the schema, which is JSON with `--json` and without."""
    from ffplay.load import editors

    schema = editors.playbook_schema() if args.of == "playbook" else editors.inventory_schema()
    output.line(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
