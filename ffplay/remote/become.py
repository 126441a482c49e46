"""Another user's shell through sudo, with a password or without."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable

from ffplay.errors import BecomeError
from ffplay.remote.shell import Stream


def open_as(
    host: str, open_stream: Callable[[str], Stream], user: str, password: str | None, command: str, seconds: float
) -> Stream:
    """Return a program of that user, started by a line of sh. Raise `BecomeError` where sudo refuses.

    The program waits for a line of ours, so that nothing it prints is mixed with what sudo says.

    The password is sent only after sudo asked by the prompt that we gave it for this one call, and once: what is
    sent unasked would be read by whatever runs instead, and a wrong password sent again locks accounts.
    """
    ready, prompt = secrets.token_hex(16), secrets.token_hex(16)
    how = "-n" if password is None else f"-S -p {prompt}"
    line = shlex.quote(f"echo {ready}; read -r _; {command}")
    stream = open_stream(f"sudo -H {how} -u {shlex.quote(user)} -- sh -c {line}")
    try:
        _enter(_Dialogue(host, stream, user, ready, prompt, password), seconds)
        stream.write(b"\n", 5)
    except BaseException:
        stream.close()
        raise
    return stream


class _Dialogue:
    """What sudo has said so far, and whether it was given the password."""

    def __init__(self, host: str, stream: Stream, user: str, ready: str, prompt: str, password: str | None) -> None:
        self.stream = stream
        self._host = host
        self._user = user
        self._ready = ready.encode()
        self._prompt = prompt.encode()
        self._password = password
        self._sent = False
        self._output = b""
        self._words = b""

    def listen(self) -> bool:
        """Take what comes and answer a prompt. Return whether the shell is there. Raise EOFError when sudo ended."""
        out, err = self.stream.read(0.5)
        self._output += out
        self._words += err
        if self._prompt in self._words and not self._sent:
            self._sent = True
            self._words = self._words.replace(self._prompt, b"", 1)
            self.stream.write(f"{self._password}\n".encode(), 5)
        elif self._prompt in self._words:
            raise self.refused("it does not accept the password")
        return self._ready in self._output

    def refused(self, reason: str) -> BecomeError:
        """Return the error that tells what sudo said."""
        words = self._words.replace(self._prompt, b"").decode("utf-8", "replace").strip()
        said = f" It says: {words}" if words else ""
        return BecomeError(
            self._host,
            f"{self._host}: sudo to {self._user} failed: {reason}.{said}",
            self._advice(words),
            words,
        )

    def _advice(self, words: str) -> str:
        if re.search(r"sudo: .*(not found|no such)", words, re.IGNORECASE):
            return f"Install sudo there, or log in as {self._user} (`ansible_user`)."
        if "tty" in words:
            return "Take `requiretty` out of the host's sudoers for the user who logs in."
        if self._password is None:
            return "Give `ansible_become_password`, or a NOPASSWD rule in the host's sudoers for the user who logs in."
        if self._sent:
            return "Check `ansible_become_password`, and on the host `sudo -l` as the user who logs in."
        return "Check on the host what `sudo -l` allows the user who logs in."


def _enter(dialogue: _Dialogue, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    try:
        while not dialogue.listen():
            if time.monotonic() > deadline:
                raise dialogue.refused(f"no answer within {seconds:g} s")
    except EOFError as error:
        raise dialogue.refused("it ended without giving us a shell") from error
