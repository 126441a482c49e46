"""What a new playbook needs to know: from options, or asked where there is a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ffplay.errors import Interrupted, usage_error
from ffplay.findface import DEFAULTS, DETECTORS, MODELS

if TYPE_CHECKING:
    from ffplay.model import Site

_T = TypeVar("_T")
_BACKUPS = str(DEFAULTS["backup_dir"]).rpartition("}}")[2]


class Wrong(Exception):
    """An answer that cannot be; its text says why."""


def answers(args: argparse.Namespace, site: Site | None) -> tuple[str, int | None, str | None, str]:
    """Return model, facen size, detector and place of backups. Raise InputError where one is missing or wrong.

    The size is None for a model of the vendor's table, the detector None where the site's stays, the place empty where
    the variable backup_dir has it.
    """
    asks = sys.stdin.isatty() and not args.json
    if not asks and args.model is None:
        hint = "--detector and --backups may be left out: the site's detector stays, backups go to backup_dir"
        raise usage_error("there is no terminal to ask on: give --model NAME", hint)
    table = ", ".join(f"{name} ({size})" for name, size in MODELS.items())
    model = _one(args.model, "--model", _model, f"Which model shall the site be at?\n  {table}, or another", asks)
    size = None
    if model not in MODELS or args.facen_size is not None:
        if not asks and args.facen_size is None:
            raise usage_error(
                f"the model `{model}` is not in the vendor's table: give --facen-size N", f"it has {table}"
            )
        size = _one(args.facen_size, "--facen-size", _size, f"How many floats has a facen of {model}?", asks)
    if MODELS.get(model, size) != size and size is not None:
        raise usage_error(f"the facens of {model} have {MODELS[model]} floats, not {size}", "leave --facen-size out")
    chosen = f"Which detector? {', '.join(DETECTORS)}; nothing: the site's stays"
    detector = _one(args.detector if asks else args.detector or "", "--detector", _detector, chosen, asks)
    where = "Where do backups go? A directory on each host, or HOST:/DIRECTORY for those of the shards; "
    where += f"nothing: the variable backup_dir ({_BACKUPS})"
    given = args.backups if asks else args.backups or ""
    backups = _one(given, "--backups", lambda text: _backups(text, site), where, asks)
    return model, size if model not in MODELS else None, detector, backups


def _one(given: str | None, option: str, read: Callable[[str], _T], question: str, asks: bool) -> _T:
    """Return what an option says, or else what the operator answers; a wrong answer is asked for again."""
    if given is not None:
        try:
            return read(given)
        except Wrong as wrong:
            raise usage_error(f"{option}: {wrong}") from wrong
    stream = sys.stdout if sys.stdout.isatty() else sys.stderr
    stream.write(f"{question}\n")
    while asks:
        stream.write("> ")
        stream.flush()
        line = sys.stdin.readline()
        if not line:
            break
        try:
            return read(line.strip())
        except Wrong as wrong:
            stream.write(f"{wrong}\n")
    raise Interrupted("the questions were not answered; nothing was written", "")


def _model(text: str) -> str:
    from ffplay.load import did_you_mean

    if not text or any(char.isspace() or char in "\"'{}" for char in text):
        raise Wrong("a model's name is one word")
    guess = did_you_mean(text, MODELS)
    if text not in MODELS and guess and text.lower() == guess.split("`")[1].lower():
        raise Wrong(f"there is no model `{text}`: {guess}")
    return text


def _size(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise Wrong(f"a number of floats, at least 1, not `{text}`")
    return int(text)


def _detector(text: str) -> str | None:
    from ffplay.load import did_you_mean

    if text and text not in DETECTORS:
        hint = did_you_mean(text, DETECTORS) or f"there are {', '.join(DETECTORS)}"
        raise Wrong(f"there is no detector `{text}`: {hint}")
    return text or None


def _backups(text: str, site: Site | None) -> str:
    host, colon, path = text.rpartition(":")
    if not text:
        return ""
    if not path.startswith("/") or any(char.isspace() or char in "\"'{}" for char in text):
        raise Wrong(f"a directory by its whole path, or HOST:/DIRECTORY, not `{text}`")
    if colon and site is not None and host not in {each.name for each in site.hosts}:
        raise Wrong(f"the inventory has no host `{host}`; it has {', '.join(each.name for each in site.hosts)}")
    return text
