"""Whether a script writes: only commands that are known to read are let through, in forms that are known to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tests.looking.shell_words import UNKNOWN, Command, Unreadable, commands

# They read whatever their arguments are, or change nothing but the shell that runs them.
_READERS = {
    *(":", "[", "basename", "break", "cat", "cmp", "comm", "continue", "cut", "df", "diff", "dirname", "du", "echo"),
    *(
        "exit",
        "expr",
        "false",
        "file",
        "findmnt",
        "getent",
        "grep",
        "head",
        "id",
        "local",
        "ls",
        "md5sum",
        "nproc",
        "od",
    ),
    *(
        "printf",
        "ps",
        "pwd",
        "read",
        "readlink",
        "return",
        "set",
        "sha256sum",
        "shift",
        "sleep",
        "stat",
        "tail",
        "test",
    ),
    *("od", "test", "tr", "true", "umask", "uname", "uniq", "unset", "wc"),
}
_SYSTEMCTL = ("cat", "is-active", "is-enabled", "is-failed", "list-unit-files", "list-units", "show", "status")
# Commands that run another one, and how many words of theirs come before it.
_WRAPPERS = {"exec": 0, "env": 0, "nice": 0, "timeout": 1, "command": 0}

_Rule = Callable[[list[str]], bool]


def violations(script: str) -> list[str]:
    """Return what of a script writes, or cannot be known not to; nothing where it only reads."""
    try:
        found, functions = commands(script)
    except Unreadable as error:
        return [f"cannot be read: {error}"]
    return [said for command in found for said in _of_command(command, functions)]


def _of_command(command: Command, functions: set[str]) -> Iterator[str]:
    words = [token.text for token in command.words]
    for operator, target in command.redirections:
        if not _harmless(operator, target):
            yield f"{' '.join(words)} {operator} {target}".strip()
    yield from _of_words(words, functions)


def _harmless(operator: str, target: str) -> bool:
    if operator in {"<", "<<", "<<-", "<<<"}:
        return True
    if operator in {">&", "<&"}:
        return target.isdigit() or target == "-"
    return operator in {">", ">>"} and target == "/dev/null"


def _of_words(words: list[str], functions: set[str]) -> Iterator[str]:
    if not words or words[0] in functions or words[0] in _READERS:
        return
    name = words[0].rpartition("/")[2] if words[0].startswith("/") else words[0]
    if name == "command" and words[1:2] == ["-v"]:
        return
    if name in _WRAPPERS:
        rest = [word for word in words[1:] if not word.startswith("-") and "=" not in word][_WRAPPERS[name] :]
        yield from _of_words(rest, functions)
    elif name in {"sh", "eval", "trap"}:
        yield from _of_text(name, words)
    elif not (name in _RULES and _RULES[name](words[1:])):
        yield " ".join(words)


def _of_text(name: str, words: list[str]) -> Iterator[str]:
    """Yield what a text does that is run as a script; one that only the shell knows may do anything."""
    text = next((word for word in words[1:] if word not in {"-c", "-"}), "") if name != "sh" else "".join(words[2:3])
    if UNKNOWN in text or (name == "sh" and words[1:2] != ["-c"]):
        yield " ".join(words)
        return
    yield from violations(text)


def _without(*flags: str) -> _Rule:
    """Return a rule: none of these flags, alone or put together with others, is given."""

    def rule(words: list[str]) -> bool:
        short = {flag[1] for flag in flags if not flag.startswith("--")}
        for word in words:
            if word.startswith("--"):
                if any(word.startswith(flag) for flag in flags if flag.startswith("--")):
                    return False
            elif word.startswith("-") and short & set(word[1:]):
                return False
        return True

    return rule


def _first(*allowed: str) -> _Rule:
    """Return a rule: the first word that is no flag is one of these."""
    return lambda words: next((word for word in words if not word.startswith("-")), "") in allowed


_RULES: Mapping[str, _Rule] = {
    "systemctl": _first(*_SYSTEMCTL),
    "kill": lambda words: words[:1] == ["-0"],
    "sed": lambda words: _without("-i", "--in-place")(words) and not any(UNKNOWN in word for word in words[:1]),
    "sort": _without("-o", "--output"),
    "date": _without("-s", "--set"),
    "base64": lambda _words: True,
    "mktemp": lambda words: "-u" in words,
    "find": lambda words: not any(word.startswith(("-delete", "-exec", "-ok", "-fprint", "-fls")) for word in words),
    "dpkg-query": lambda words: "-W" in words,
    "tarantool": lambda words: words == ["--version"],
    "curl": lambda words: (
        not {"-X", "-d", "-T", "-F", "-o", "-O", "--data", "--upload-file"} & {w[:2] for w in words}
        and not any(word.startswith(("--request", "--data", "--upload", "--form", "--output")) for word in words)
    ),
}
