"""`ff-play new`: write a commented playbook that switches a site, from three answers or options."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.errors import usage_error
from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.model import Site
    from ffplay.report.output import Output
    from ffplay.report.style import Style

EXAMPLES = (
    ("ff-play new switch.yml -i site.yml", "ask for the model, the detector and the place of backups"),
    ("ff-play new switch.yml -i site.yml --model cherry_480", "ask nothing where there is no terminal"),
    ("ff-play new switch.yml --model new_512 --facen-size 512 --detector nnd --backups /mnt/backups", "say all of it"),
)
# The groups without which no switch has anything to work on.
_GROUPS = ("facenapi", "extraction", "mongo", "tntapi")
_TEMPLATE = "FindFace_shard.lua.j2"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("playbook", metavar="PLAYBOOK", help="the file to write")
    parser.add_argument("--model", metavar="NAME", help="the model that the site shall be at")
    parser.add_argument(
        "--facen-size", metavar="N", help="floats in its facen, for a model that the vendor's table lacks"
    )
    parser.add_argument("--detector", metavar="NAME", help="nnd, dlib or legacy; left out, the site's stays")
    parser.add_argument(
        "--backups", metavar="PLACE", help="a directory, or HOST:/DIRECTORY for the shards; left out, backup_dir"
    )
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")
    _options.inventory_files(parser)
    _options.common(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Ask what is not given, write the playbook, and validate it."""
    from ffplay.report import new_playbook
    from ffplay.verbs._questions import answers
    from ffplay.verbs._session import load_site

    path = Path(args.playbook)
    _writable(path, args.force)
    site = load_site(args).site if args.inventory else None
    if site is not None:
        _check_groups(site)
    wish = new_playbook.Wish(*answers(args, site), args.playbook, tuple(args.inventory))
    template = _template(path)
    _write(path, new_playbook.text(wish, site, _schema(path)), args)
    if args.json:
        output.line(json.dumps({"playbook": args.playbook, "template": str(template) if template else None}))
        return 0
    output.line(f"{args.playbook}: {style.paint('green', 'written')}, and valid")
    if template is not None:
        output.line(f"{template}: written, for the shards' Lua files")
    output.line(f"next: ff-play plan {wish.given}")
    return 0


def _writable(path: Path, force: bool) -> None:
    """Raise InputError where the file is there already, or its directory is not."""
    if path.exists() and not (force and path.is_file()):
        hint = "--force overwrites it" if path.is_file() else "give the name of a file"
        raise usage_error(f"{path} is there already", hint)
    if not path.parent.is_dir():
        raise usage_error(f"there is no directory {path.parent}", "make it first")


def _check_groups(site: Site) -> None:
    from ffplay.load import did_you_mean

    missing = [name for name in _GROUPS if not site.groups.get(name)]
    if missing:
        guesses = [hint for name in missing if (hint := did_you_mean(name, site.groups))]
        hint = " ".join(guesses) or "docs/inventory.md says which hosts belong there"
        raise usage_error(f"the inventory has no host in {', '.join(missing)}: nothing to switch there", hint)


def _template(playbook: Path) -> Path | None:
    """Put the shipped template beside the playbook, unless it finds one already; return where it was put."""
    from ffplay.errors import InputError
    from ffplay.load.files import SHIPPED_TEMPLATES, find_file

    try:
        find_file(playbook, "templates", _TEMPLATE)
    except InputError:
        path = playbook.parent / "templates" / _TEMPLATE
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((SHIPPED_TEMPLATES / _TEMPLATE).read_bytes())
        return path
    return None


def _schema(playbook: Path) -> str:
    """Return the path of a schema that lies where the shipped playbooks have theirs; empty where none does."""
    here = playbook.parent.resolve()
    found = next((up for up in (here, here.parent) if (up / "docs" / "schema" / "playbook.json").is_file()), None)
    return os.path.relpath(found / "docs" / "schema" / "playbook.json", here) if found is not None else ""


def _write(path: Path, text: str, args: argparse.Namespace) -> None:
    """Put the text in place, once it was read as a playbook under another name and found right."""
    from ffplay.lint.check import read_book
    from ffplay.load import Sources

    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        read_book(Sources(new, tuple(map(Path, args.inventory)), tuple(args.extra_vars)))
        new.replace(path)
    except OSError as error:
        raise usage_error(f"{path} cannot be written: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)
