"""Handlers that were notified on a host and have not run yet: a fact of the site, so that no failed run loses one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote, told
from ffplay.resources.differences import text_of


@dataclass(frozen=True, slots=True)
class Notifications(ShellResource):
    """The pending handlers of one play on one host. Value: tuple of handler names, sorted."""

    state_dir: str
    play: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return self.directory

    @property
    def directory(self) -> str:
        """Return where a play keeps them: one file a handler, whose content is its name."""
        return f"{self.state_dir}/notified/{hashlib.sha256(self.play.encode()).hexdigest()[:16]}"

    def read_script(self) -> str:
        """Print each name."""
        return f'for f in {quote([self.directory])}/*; do [ -f "$f" ] && cat "$f"; done; :'

    def parse(self, reply: Reply) -> tuple[str, ...]:
        """Return the names."""
        return tuple(sorted(told(reply).splitlines()))

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return the names."""
        return {"pending handlers": text_of(value)}

    def bring_script(self, before: Any, after: Any) -> str:
        """Write what is new, remove what has run."""
        # Each line ends it by itself: `set -e` counts for nothing where `||` comes behind all of them.
        lines = [f"mkdir -p {quote([self.directory])} || exit"]
        for name in sorted(set(after) - set(before)):
            path = self._path(name)
            lines.append(f"printf '%s\\n' {quote([name])} > {path}.new && mv {path}.new {path} || exit")
        lines += [f"rm -f {self._path(name)} || exit" for name in sorted(set(before) - set(after))]
        return "\n".join(lines)

    def _path(self, name: str) -> str:
        return quote([f"{self.directory}/{hashlib.sha256(name.encode()).hexdigest()[:16]}"])
