"""`ff-play lint`: tell what in a playbook is allowed and likely to hurt, without reaching any host."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.errors import FINDINGS_EXIT_CODE
from ffplay.verbs import _options
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play lint playbooks/switch-model.yml -i site.yml", "the inventory is looked at too"),
    ("ff-play lint playbooks/switch-model.yml --json", "findings for programs"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.playbook_file(parser)
    _options.inventory_files(parser)
    _options.common(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Tell what the rules find."""
    from ffplay.lint.check import check, read_book
    from ffplay.load import Sources
    from ffplay.report import lint

    inventories = tuple(map(Path, args.inventory))
    sources = Sources(Path(args.playbook), inventories, tuple(args.extra_vars), vault=vault_of(args))
    result = check(read_book(sources))
    if args.json:
        output.line(json.dumps(lint.document(result), indent=2, ensure_ascii=False))
    else:
        output.lines(lint.lines(result, args.playbook, style))
    return FINDINGS_EXIT_CODE if result.remarks else 0
