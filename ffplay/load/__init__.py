"""From files to data: YAML with places, inventory, variables, templates; every mistake is told at once."""

from __future__ import annotations

from ffplay.load.arguments import check_args, convert_args
from ffplay.load.excerpt import format_finding
from ffplay.load.explain import Definition, Explanation, Origins, explain, find_host
from ffplay.load.files import find_file
from ffplay.load.filters import plain
from ffplay.load.findings import did_you_mean
from ffplay.load.load import Loaded, Sources, load, load_inventory, uncollected
from ffplay.load.marked import Place, value_place
from ffplay.load.patterns import select
from ffplay.load.shards import entry_place, shard_of
from ffplay.load.targets import target_of
from ffplay.load.values import NotKnown
from ffplay.load.variables import Scope, Variables

__all__ = [
    "Definition",
    "Explanation",
    "Loaded",
    "NotKnown",
    "Origins",
    "Place",
    "Scope",
    "Sources",
    "Variables",
    "check_args",
    "convert_args",
    "did_you_mean",
    "entry_place",
    "explain",
    "find_file",
    "find_host",
    "format_finding",
    "load",
    "load_inventory",
    "plain",
    "select",
    "shard_of",
    "target_of",
    "uncollected",
    "value_place",
]
