"""Lines on a stream that somebody may have stopped reading."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterable
from typing import TextIO

_ERASE = "\r\x1b[K"

# In a log a tool that runs for days should give a sign of life, and not fill the disk.
_PASSING_SECONDS = 60.0


class Output:
    """Writes lines, and on a terminal one passing line below them.

    A closed pipe silences the output and stops nothing: `ff-play apply | head` must not end half-way through a site.
    """

    def __init__(self, stream: TextIO, terminal: bool = False) -> None:
        self._stream = stream
        self._terminal = terminal
        self._passing = False
        self._closed = False
        self._last_passing = time.monotonic()

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines; the passing one goes."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._write((_ERASE if self._passing else "") + text)
            self._passing = False

    def line(self, text: str) -> None:
        """Write one line."""
        self.lines([text])

    def passing(self, text: str) -> None:
        """Show a line that the next one replaces; where there is no terminal, one of them each minute stays."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(_ERASE + text.replace("\n", " ")[:width])
            self._passing = True
        elif time.monotonic() - self._last_passing >= _PASSING_SECONDS:
            self._last_passing = time.monotonic()
            self.line(text)

    def clear(self) -> None:
        """Take the passing line away."""
        if self._passing:
            self._write(_ERASE)
            self._passing = False

    def _write(self, text: str) -> None:
        if self._closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            if not gone(error):
                raise
            self._closed = True


def gone(error: OSError) -> bool:
    """Tell whether a stream failed because nobody reads it any more: a closed pipe, a closed terminal."""
    return isinstance(error, BrokenPipeError) or error.errno == errno.EIO
