"""`ff-play vault`: encrypt files and values for playbooks and inventories as `ansible-vault` does, and open them."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.errors import usage_error
from ffplay.verbs import _options
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.load.vaultkeys import Vault
    from ffplay.report.output import Output
    from ffplay.report.style import Style

EXAMPLES = (
    ("ff-play vault encrypt group_vars/all/vault.yml -J", "a file in place; the password is asked for"),
    ("ff-play vault view group_vars/all/vault.yml --vault-id prod@~/.prod", "what is in it"),
    (
        "pass site/db | ff-play vault encrypt_string db_password --vault-id prod@~/.prod",
        "a line for a file of variables",
    ),
)
_VERBS = {
    "encrypt": "encrypt files in place",
    "decrypt": "decrypt files in place",
    "view": "print what is in encrypted files",
    "encrypt_string": "read a value from standard input, and print it encrypted, as a variable",
}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own verbs and their arguments."""
    verbs = parser.add_subparsers(dest="vault_verb", metavar="|".join(_VERBS), required=True)
    for name, text in _VERBS.items():
        verb = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
        if name == "encrypt_string":
            verb.add_argument("name", metavar="NAME", help="the variable's name")
        else:
            verb.add_argument("files", metavar="FILE", nargs="+", help="a file; repeatable")
        _options.vault(verb)
        if name.startswith("encrypt"):
            which = "the password to encrypt with, where several are given; it is written into the vault"
            verb.add_argument("--encrypt-vault-id", metavar="LABEL", default="", help=which)
        _options.common(verb)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Encrypt, decrypt or show; nothing is written unless all files can be."""
    vault = vault_of(args)
    if args.vault_verb == "encrypt_string":
        value = sys.stdin.read().removesuffix("\n") if not sys.stdin.isatty() else _asked()
        lines = _encrypted(value.encode(), args, vault).splitlines()
        _tell(args, output, "text", "\n".join([f"{args.name}: !vault |", *(f"  {line}" for line in lines)]))
        return 0
    made = {Path(name): _MADE[args.vault_verb](Path(name), args, vault) for name in args.files}
    if args.vault_verb == "view":
        _tell(
            args, output, "text", "".join(content.decode("utf-8", "replace") for content in made.values()).rstrip("\n")
        )
        return 0
    for path, content in made.items():
        _replace(path, content)
    _tell(args, output, "files", [str(path) for path in made])
    return 0


def _tell(args: argparse.Namespace, output: Output, name: str, value: str | list[str]) -> None:
    if args.json:
        output.line(json.dumps({name: value}))
    else:
        output.lines([value] if isinstance(value, str) else [f"{file}: {args.vault_verb}ed" for file in value])


def _asked() -> str:
    from getpass import getpass

    return getpass("The value: ")


def _encrypted(content: bytes, args: argparse.Namespace, vault: Vault) -> str:
    from ffplay.load.vault import encrypt

    key = vault.key(args.encrypt_vault_id)
    # A label is written where there is one to tell; Ansible's own default is none.
    label = args.encrypt_vault_id or ("" if key.label == "default" else key.label)
    return encrypt(content, vault.password(key), secrets.token_bytes(32), label)


def _encrypt(path: Path, args: argparse.Namespace, vault: Vault) -> bytes:
    from ffplay.load.vault import is_vault

    content = _read(path)
    if is_vault(content.decode("utf-8", "replace")):
        raise usage_error(f"{path} is encrypted already", "to have another password: decrypt it, then encrypt it")
    return _encrypted(content, args, vault).encode()


def _decrypt(path: Path, args: argparse.Namespace, vault: Vault) -> bytes:
    from ffplay.load.marked import whole_file
    from ffplay.load.vault import is_vault

    text = _read(path).decode("utf-8", "replace")
    if not is_vault(text):
        raise usage_error(f"{path} is not encrypted")
    return vault.open(text, whole_file(str(path), text))


_MADE: Mapping[str, Callable[[Path, argparse.Namespace, Vault], bytes]] = {
    "encrypt": _encrypt,
    "decrypt": _decrypt,
    "view": _decrypt,
}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; who may read it stays, and nobody else may meanwhile."""
    made = None
    try:
        mode = path.stat().st_mode & 0o7777
        handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(made).chmod(mode)
        Path(made).rename(path)
    except OSError as error:
        if made is not None:
            Path(made).unlink(missing_ok=True)
        raise usage_error(f"{path} cannot be written: {error.strerror}") from error
