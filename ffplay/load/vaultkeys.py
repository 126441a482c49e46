"""The passwords of vaults: where they come from, and which of them opens what.

A source is a file, a program (an executable file, which prints the password; one whose name ends in `-client` is told
the label by `--vault-id LABEL`, as Ansible does it), or `prompt`: the terminal is asked. A password is asked for when
the first vault is met, and once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ffplay.load.findings import Mistake
from ffplay.load.marked import Place
from ffplay.load.vault import Sealed, VaultError, is_vault, sealed
from ffplay.secret import Secrets

# The label of what is given without one, as Ansible has it.
ANY = "default"
PROMPTS = ("prompt", "prompt_ask_vault_pass")
_SECONDS = 120.0
_HOW = "give --vault-password-file FILE, --vault-id LABEL@SOURCE, or -J to be asked; or set ANSIBLE_VAULT_PASSWORD_FILE"


@dataclass(frozen=True, slots=True)
class Key:
    """A password's source: a path or `prompt`. `label` names it; vaults that ask for that label try it first."""

    label: str
    source: str


def keys_of(ids: Sequence[str], files: Sequence[str], ask: bool, default: str | None) -> tuple[Key, ...]:
    """Return the sources that a command line names, in the order in which they are tried.

    `ids` are `LABEL@SOURCE` or a source alone; `default` is ANSIBLE_VAULT_PASSWORD_FILE, which counts where nothing
    else is given.
    """
    found = [Key(ANY, PROMPTS[0])] if ask else []
    for given in ids:
        label, at, source = given.rpartition("@")
        found.append(Key(label or ANY, source) if at else Key(ANY, given))
    found += [Key(ANY, file) for file in files]
    return tuple(found) or ((Key(ANY, default),) if default else ())


class Vault:
    """Opens what is encrypted; every text that was is a secret.

    `ask` asks the operator for the password of a label. Raise `Mistake` for what cannot be opened.
    """

    def __init__(self, secrets: Secrets, keys: Sequence[Key] = (), ask: Callable[[str], str] | None = None) -> None:
        self.secrets, self._keys, self._ask = secrets, tuple(keys), ask
        self._passwords: dict[Key, bytes] = {}
        self._opened: dict[str, bytes] = {}

    def open(self, text: str, place: Place | None) -> bytes:
        """Return what is in an encrypted text, which stands at `place`."""
        if text not in self._opened:
            self._opened[text] = self._open(text, place)
        return self._opened[text]

    def _open(self, text: str, place: Place | None) -> bytes:
        try:
            vault = sealed(text)
            if not self._keys:
                raise Mistake(place, f"it is encrypted{_of(vault)}, and no vault password was given", _HOW)
            for key in self._order(vault.label):
                found = vault.open(self.password(key))
                if found is not None:
                    return found
        except VaultError as error:
            raise Mistake(place, f"the vault cannot be read: {error}") from error
        except Mistake as mistake:
            raise mistake.at(place) from None
        tried = ", ".join(dict.fromkeys(f"{key.label}@{key.source}" for key in self._keys))
        hint = f"tried: {tried}; another password is needed, or somebody altered it: its digest (HMAC) does not fit"
        raise Mistake(place, f"no vault password opens it{_of(vault)}", hint)

    def _order(self, label: str) -> list[Key]:
        return sorted(self._keys, key=lambda key: key.label != label)

    def key(self, label: str = "") -> Key:
        """Return the password to encrypt with: the only one, or that of a label. Raise `Mistake`."""
        found = [key for key in self._keys if not label or key.label == label]
        if not found:
            raise Mistake(None, f"no vault password was given{f' for {label}' if label else ''}", _HOW)
        if len(found) > 1:
            names = ", ".join(key.label for key in found)
            raise Mistake(None, f"several vault passwords were given: {names}", "name one: --encrypt-vault-id LABEL")
        return found[0]

    def password(self, key: Key) -> bytes:
        """Return a source's password. Raise `Mistake` where it gives none."""
        if key not in self._passwords:
            found = self._asked(key.label) if key.source in PROMPTS else _from_file(key)
            if not found:
                raise Mistake(None, f"the vault password of {key.source} is empty")
            self._passwords[key] = found
            self.secrets.add(found.decode("utf-8", "replace"), f"vault password {key.label}")
        return self._passwords[key]

    def _asked(self, label: str) -> bytes:
        if self._ask is None:
            raise Mistake(None, "the vault password cannot be asked for: there is no terminal", _HOW)
        return self._ask(label).encode()


def _of(vault: Sealed) -> str:
    return f" (vault id `{vault.label}`)" if vault.label else ""


def _from_file(key: Key) -> bytes:
    path = Path(key.source).expanduser()
    try:
        runs = path.is_file() and os.access(path, os.X_OK)
        content = _from_program(path, key.label) if runs else path.read_bytes()
    except OSError as error:
        raise Mistake(None, f"the vault password file {path} cannot be read: {error.strerror}") from error
    if is_vault(content.decode("utf-8", "replace")):
        raise Mistake(None, f"the vault password file {path} is encrypted itself")
    return content.strip()


def _from_program(path: Path, label: str) -> bytes:
    import subprocess

    words = [str(path.resolve())]
    if path.stem.endswith("-client"):
        words += ["--vault-id", label]
    try:
        done = subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Mistake(None, f"the vault password program {path} did not end within {_SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise Mistake(None, f"the vault password program {path} failed: exit code {done.returncode}", said)
    return done.stdout
