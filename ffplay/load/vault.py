"""Ansible Vault's format, both ways: AES-256 in counter mode, keys by PBKDF2, an HMAC over the ciphertext.

The format is documented in Ansible's "Encrypting content with Ansible Vault", section "Format of files encrypted with
Ansible Vault": a header line `$ANSIBLE_VAULT;1.1;AES256`, or `;1.2;AES256;LABEL`, then lines of 80 hex digits. They are
the hex of three hex texts, each on a line of its own: salt, HMAC-SHA256 and ciphertext.

This module imports `cryptography` only where something is encrypted or decrypted.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import textwrap
from dataclasses import dataclass

HEADER = "$ANSIBLE_VAULT;"
_ROUNDS = 10000
_KEY, _IV, _BLOCK = 32, 16, 16
_LINE = 80
_PARTS = 3


class VaultError(ValueError):
    """A text is no vault that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted text: the label of the password that it asks for (empty for any), and its parts as bytes."""

    label: str
    salt: bytes
    digest: bytes
    ciphertext: bytes

    def open(self, password: bytes) -> bytes | None:
        """Return what is in it, None where the password is another one or somebody altered it."""
        key, check, start = _keys(password, self.salt)
        if not hmac.compare_digest(_digest(check, self.ciphertext), self.digest):
            return None
        padded = _cipher(key, start, self.ciphertext)
        count = padded[-1] if padded else 0
        if not 1 <= count <= _BLOCK or padded[-count:] != bytes([count]) * count:
            raise VaultError("it was not written whole: its padding is wrong")
        return padded[:-count]


def is_vault(text: str) -> bool:
    """Tell whether a text is encrypted."""
    return text.lstrip().startswith(HEADER)


def sealed(text: str) -> Sealed:
    """Return an encrypted text's parts. Raise `VaultError` where it is none, or another format than we know."""
    header, *lines = text.strip().splitlines()
    words = [word.strip() for word in header.split(";")]
    if len(words) < _PARTS or words[0] != HEADER.rstrip(";") or words[1] not in {"1.1", "1.2"} or words[2] != "AES256":
        raise VaultError(f"`{header[:60]}` is no vault that is known: formats 1.1 and 1.2 with AES256 are")
    try:
        outer = binascii.unhexlify("".join(line.strip() for line in lines))
        salt, digest, ciphertext = (binascii.unhexlify(part) for part in outer.split(b"\n", _PARTS - 1))
    except ValueError as error:
        raise VaultError("it is damaged: it is not three parts in hex digits") from error
    return Sealed(words[3] if len(words) > _PARTS else "", salt, digest, ciphertext)


def encrypt(content: bytes, password: bytes, salt: bytes, label: str = "") -> str:
    """Return a content encrypted, as a file has it: format 1.2 where a label is given. `salt` is 32 random bytes."""
    key, check, start = _keys(password, salt)
    count = _BLOCK - len(content) % _BLOCK
    ciphertext = _cipher(key, start, content + bytes([count]) * count)
    parts = (binascii.hexlify(part) for part in (salt, _digest(check, ciphertext), ciphertext))
    body = binascii.hexlify(b"\n".join(parts)).decode("ascii")
    header = f"{HEADER}1.2;AES256;{label}" if label else f"{HEADER}1.1;AES256"
    return "\n".join([header, *textwrap.wrap(body, _LINE)]) + "\n"


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the key of the cipher, that of the digest, and the counter's first value."""
    made = hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, 2 * _KEY + _IV)
    return made[:_KEY], made[_KEY : 2 * _KEY], made[2 * _KEY :]


def _digest(key: bytes, ciphertext: bytes) -> bytes:
    return hmac.digest(key, ciphertext, "sha256")


def _cipher(key: bytes, start: bytes, content: bytes) -> bytes:
    """Return a content encrypted or decrypted, which is the same."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    work = Cipher(AES(key), CTR(start)).encryptor()
    return work.update(content) + work.finalize()
