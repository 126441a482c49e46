"""What stands encrypted in the files that are read, opened on the way: `!vault` values and whole files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ffplay.load.findings import Findings, Mistake
from ffplay.load.vault import is_vault
from ffplay.secret import Secret, Secrets

if TYPE_CHECKING:
    from ffplay.load.marked import Place
    from ffplay.load.vaultkeys import Vault

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class SecretText(Secret):
    """A secret that a person wrote.

    `template` tells whether it may hold one: a value that is encrypted by itself may not, one of an encrypted file may.
    """

    place: Place | None = None
    template: bool = False


def secret_text(value: str, place: Place, name: str, secrets: Secrets, *, template: bool) -> SecretText:
    """Return a text of a file as a secret, called `name`; of a template what stands around its expressions is one."""
    for part in _EXPRESSION.split(value) if template else [value]:
        secrets.add(part, name)
    made = SecretText(value, secrets)
    made.place, made.template = place, template
    return made


def opened(text: str, place: Place, findings: Findings) -> str | None:
    """Return what is in an encrypted text; None, and a finding, where it cannot be opened."""
    try:
        if findings.vault is None:
            raise Mistake(place, "it is encrypted, and nothing here opens it")
        return findings.vault.open(text, place).decode("utf-8")
    except Mistake as mistake:
        findings.extend(mistake.findings)
    except UnicodeDecodeError:
        findings.add(place, "what is encrypted is not UTF-8 text")
    return None


def vaulted(text: str, place: Place, name: str, findings: Findings) -> SecretText | None:
    """Return a value that is encrypted by itself as a secret; None, and a finding, where it cannot be opened."""
    found = opened(text, place, findings)
    if found is None or findings.vault is None:
        return None
    return secret_text(found, place, name, findings.vault.secrets, template=False)


def plain_bytes(content: bytes, name: str, vault: Vault | None) -> bytes:
    """Return a file's content, opened where it is encrypted: then it is secret. Raise `Mistake`."""
    text = content.decode("utf-8", "surrogateescape")
    if vault is None or not is_vault(text):
        return content
    found = vault.open(text, None)
    for part in _EXPRESSION.split(found.decode("utf-8", "surrogateescape")):
        vault.secrets.add(part, name)
    return found
