"""What a plan was made from: the command's own words, and a digest of every file that was read for them.

The words are kept so that the plan can be made anew, on another machine too; a password among the variables of the
command line is none of them, and must be given again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from ffplay.errors import usage_error
from ffplay.load.seen import OUTPUT_OF
from ffplay.secret import names_secret


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a plan was made from.

    `directory` is where the command was given: paths that are not absolute are as seen from there. `extra` are the
    values of `-e` but for those of the variables `withheld`. `files` has the SHA-256 of every file that was read, by
    its path.
    """

    directory: str
    playbook: str
    inventories: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    limit: str | None = None
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {**asdict(self), "files": [{"path": path, "sha256": digest} for path, digest in self.files.items()]}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return what `plain` made this of."""
        lists = {key: tuple(value) for key, value in body.items() if isinstance(value, list)}
        return cls(**{**body, **lists, "files": {str(one["path"]): str(one["sha256"]) for one in body["files"]}})

    def command(self, verb: str) -> str:
        """Return the command line that gives a verb these inputs, but for what was withheld."""
        words = ["ff-play", verb, self.playbook]
        options = {"-i": self.inventories, "-e": self.extra, "-t": self.tags, "--skip-tags": self.skip_tags}
        words += [word for option, values in options.items() for value in values for word in (option, value)]
        words += ["-l", self.limit] if self.limit is not None else []
        words += ["--start-at-step", self.start_at] if self.start_at is not None else []
        return shlex.join(words)


def located(seen: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the digests of the files that were read, in order, by paths that other machines have too.

    What lies below the directory where the command was given is named from there, and so is all that was named
    without a leading slash.
    """
    found = {name if name.startswith(OUTPUT_OF) else near(name, directory): digest for name, digest in seen.items()}
    return dict(sorted(found.items()))


def near(name: str, directory: Path) -> str:
    """Return a path as it is named from a directory, unless it is absolute and leads elsewhere."""
    path = Path(os.path.normpath(directory / name))
    far = Path(name).is_absolute() and not path.is_relative_to(directory)
    return str(path) if far else os.path.relpath(path, directory)


def changed_files(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield which files are not those that were read."""
    for path in sorted({*was, *now}):
        if path not in now:
            yield f"{path}: was read for the plan, and is not now"
        elif path not in was:
            yield f"{path}: was not there when the plan was made"
        elif was[path] != now[path]:
            yield f"{path}: its content is not what the plan was made from"


def digests(paths: Iterable[str], directory: Path) -> dict[str, str]:
    """Return the digests that files have now; one that is gone has none."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = hashlib.sha256((directory / path).read_bytes()).hexdigest()
    return found


def place_of(inputs: Inputs, here: Path) -> Path:
    """Return the directory from which the inputs' paths lead to files: where they were, else this one.

    The files may lie elsewhere on another machine; that they are the same ones their digests tell. Raise `InputError`.
    """
    for directory in (Path(inputs.directory), here):
        if (directory / inputs.playbook).is_file():
            return directory
    raise usage_error(
        f"the plan was made from {inputs.playbook} in {inputs.directory}, which is not there",
        f"give the command in a directory that has {inputs.playbook}, with the same content",
    )


def without_secrets(extra: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the values of `-e` without variables that are secrets by their names, and those names."""
    kept: list[str] = []
    withheld: dict[str, None] = {}
    for text in extra:
        names = names_of(text)
        secret = [name for name in names if names_secret(name)]
        withheld.update(dict.fromkeys(secret))
        if not secret:
            kept.append(text)
        elif len(secret) < len(names):
            kept.append(json.dumps({name: value for name, value in names.items() if name not in secret}))
    return tuple(kept), tuple(withheld)


def names_of(text: str) -> dict[str, Any]:
    """Return the variables that one `-e` sets, none for a file: what is in it stays there."""
    if text.startswith("@"):
        return {}
    if text.lstrip().startswith(("{", "[")):
        import yaml

        body = yaml.safe_load(text)
        return body if isinstance(body, dict) else {}
    return {name: value for name, _, value in (word.partition("=") for word in shlex.split(text))}
