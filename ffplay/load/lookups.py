"""`lookup` of the environment, a file or what a command prints, as in Ansible; what it gives is secret."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ffplay.load.findings import Mistake, did_you_mean, listed
from ffplay.load.seen import read_bytes
from ffplay.load.vaulted import plain_bytes
from ffplay.load.vaultkeys import Vault

_PIPE_SECONDS = 120.0


class Lookups:
    """The lookups of one command; each is done once, whichever threads ask. `folders` is where files are searched."""

    def __init__(self, vault: Vault, folders: tuple[Path, ...]) -> None:
        self._vault, self._folders = vault, folders
        self._known: dict[tuple[str, str], str] = {}
        self._guard = threading.Lock()
        self._kinds: Mapping[str, Callable[[str], str]] = {"env": _env, "file": self._file, "pipe": _pipe}

    def __call__(self, kind: str, term: Any, **options: Any) -> Any:
        """Return what is looked up, as a secret. Raise `Mistake`."""
        name = str(kind).removeprefix("ansible.builtin.")
        if name not in self._kinds:
            hint = did_you_mean(name, self._kinds) or f"there are {listed(self._kinds)}"
            raise Mistake(None, f"there is no lookup `{name}`", hint, name)
        if set(options) - ({"default"} if name == "env" else set()):
            raise Mistake(None, f"the lookup `{name}` has no option {listed(options)}")
        if name == "env" and "default" in options and str(term) not in os.environ:
            return options["default"]
        key = (name, str.__str__(str(term)))
        with self._guard:
            if key not in self._known:
                self._known[key] = self._kinds[name](key[1])
        return self._vault.secrets.add(self._known[key], f"{name} {key[1] if name != 'pipe' else key[1].split()[0]}")

    def _file(self, term: str) -> str:
        given = Path(term).expanduser()
        path = next((each for folder in self._folders if (each := folder / given).is_file()), given)
        try:
            return plain_bytes(read_bytes(path), term, self._vault).decode("utf-8").rstrip()
        except FileNotFoundError:
            searched = "" if given.is_absolute() else f"searched: {listed(f'{folder}/' for folder in self._folders)}"
            raise Mistake(None, f"there is no file {term}", searched, term) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise Mistake(None, f"the file {path} cannot be read: {reason}", "", term) from error


def _env(term: str) -> str:
    if term not in os.environ:
        hint = "set it, or give a default: lookup('env', NAME, default='...')"
        raise Mistake(None, f"the environment has no variable `{term}`", hint, term)
    return os.environ[term]


def _pipe(term: str) -> str:
    import subprocess

    if not term.strip():
        raise Mistake(None, "the lookup `pipe` needs a command")
    reading, writing = os.pipe()
    try:
        # Not as an argument: a command may hold a secret, and everybody may read what a process was started with.
        with os.fdopen(writing, "wb") as script:
            script.write(term.encode())
        words = ["sh", f"/dev/fd/{reading}"]
        done = subprocess.run(words, capture_output=True, timeout=_PIPE_SECONDS, check=False, pass_fds=[reading])
    except subprocess.TimeoutExpired:
        raise Mistake(None, f"`{term}` did not end within {_PIPE_SECONDS:.0f} s") from None
    finally:
        os.close(reading)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise Mistake(None, f"`{term}` failed: exit code {done.returncode}", f"it says: {said}" if said else "")
    return done.stdout.decode("utf-8", "replace").rstrip("\n")
