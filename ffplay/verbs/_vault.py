"""The passwords of vaults, as the command line and the environment name them."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ffplay.load.vaultkeys import Vault


def vault_of(args: argparse.Namespace) -> Vault:
    """Return what opens the files that the command line names; its secrets are those that the streams mask."""
    from ffplay.load.vaultkeys import Vault, keys_of

    default = os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE")
    keys = keys_of(args.vault_id, args.vault_password_file, args.ask_vault_pass, default)
    return Vault(args.secrets, keys, _ask if sys.stdin.isatty() else None)


def _ask(label: str) -> str:
    from getpass import getpass

    return getpass(f"Vault password ({label}): ")
