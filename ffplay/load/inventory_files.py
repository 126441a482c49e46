"""Which kind of inventory a file is, and all of them in a directory, merged in the order of their names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ffplay.load.findings import Findings
from ffplay.load.inventory import Inventory
from ffplay.load.inventory_yaml import add
from ffplay.load.marked import Source, read
from ffplay.load.seen import read_text
from ffplay.load.vault import is_vault

# What Ansible, too, leaves out when an inventory is a directory.
_IGNORED = ("~", ".orig", ".cfg", ".retry", ".bak", ".swp", ".md", ".txt", ".rst", ".pyc", ".pyo", ".rpm")
_FOLDERS = {"group_vars", "host_vars", "vars_plugins"}
_YAML_SUFFIXES = {".yml", ".yaml", ".json"}
# What a text in YAML begins with, and no host of an INI file: `all:`, `{`, `---`, `"all":`.
_YAML = re.compile(r"---(\s|$)|%YAML|\{|[^\s\[=]+\s*:(\s|$)")
# What only an INI file begins with: a section, or a host with variables.
_INI = re.compile(r"\[[\w:.-]+\]\s*(#.*)?$|[\w.:\[\]-]+(\s+\w+=\S+)+")


def read_inventory(path: Path, into: Inventory, findings: Findings) -> None:
    """Add what a file, or every file of a directory, says to an inventory."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if not (entry.name.startswith(".") or entry.name in _FOLDERS or entry.name.endswith(_IGNORED)):
                read_inventory(entry, into, findings)
        return
    beginning = _beginning(path)
    if beginning.startswith((b"#!", b"\x7fELF")) and os.access(path, os.X_OK):
        from ffplay.load.inventory_script import add_script

        add_script(path, into, findings)
    elif beginning.startswith(b"#!") and path.suffix not in _YAML_SUFFIXES:
        hint = f"if it shall be run: chmod +x {path}"
        findings.add(None, f"{path}: this is a script, and it is not executable", hint)
    elif path.suffix == ".toml":
        hint = f"convert it once: ansible-inventory -i {path} --list --yaml --output {path.stem}.yml"
        findings.add(None, f"{path}: inventories in TOML are not read", hint)
    elif _is_ini(path, beginning):
        _read_ini(path, into, findings)
    else:
        add(read(path, findings), into, findings)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8192)
    except OSError:
        return b""


def _is_ini(path: Path, beginning: bytes) -> bool:
    """Return whether a file is an INI inventory, by its first line that is no comment; YAML's suffixes count too.

    What is encrypted is YAML.
    """
    if is_vault(beginning.decode("utf-8", "replace")):
        return False
    lines = (line.strip() for line in beginning.decode("utf-8", "replace").splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if path.suffix in _YAML_SUFFIXES:
        return _INI.match(first) is not None
    return bool(first) and _YAML.match(first) is None


def _read_ini(path: Path, into: Inventory, findings: Findings) -> None:
    from ffplay.load.inventory_ini import add_ini

    try:
        text = read_text(path).removeprefix("\ufeff")  # some editors of Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        findings.add(None, f"{path}: cannot be read: {reason}")
        return
    add_ini(Source(str(path), tuple(text.splitlines())), into, findings)
