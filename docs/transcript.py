"""Run the commands of docs/transcript.md on a new lab, and write down what they print; `--check` fails on a difference.

    python docs/transcript.py            # runs them; where they print something else by now, writes the page anew
    python docs/transcript.py --check    # runs them, and shows what is not true any more

The page is its own source: its words and the commands in its `console` blocks are written by hand, what stands below
each command is written here. Two comments above a block say how a long output is cut; a `...` stands where lines were:

    <!-- keep: PATTERN -->    only lines in which the pattern is found stay
    <!-- cut: PATTERN -->     lines in which it is found go

The lab's directory, addresses, and who runs it are written as SHOWN_* below say, so that the page reads the same
wherever it was made. What no two runs have alike (times, sizes, names of runs) stays as one run had it, and is not
compared; nor is the order in which hosts that work at the same time were done.
"""

from __future__ import annotations

import difflib
import getpass
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ffplay.lab import layout, site

HERE = Path(__file__).resolve().parent
PAGE = HERE / "transcript.md"

LAB = "ffplay-lab"
SHOWN_DIRECTORY, SHOWN_SUBNET, SHOWN_USER, SHOWN_MACHINE = "/srv/switch", "127.101.1", "engineer", "desk"

# How long one command may take, in seconds.
_PATIENCE = 240

_BLOCK = re.compile(
    r"(?:^<!-- (?P<how>keep|cut): (?P<pattern>[^\n]+) -->\n)?^```console\n(?P<text>.*?)^```$", re.M | re.S
)

# What differs from one run to the next, in the order in which it is replaced.
_MASKS = (
    # Comments of an inventory are wrapped, and where depends on what is masked below.
    (re.compile(r"\n *# +(?=\S)"), " "),
    (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( UTC|Z)?"), "TIME"),
    (re.compile(r"\d[\d.]* ([KMGT]iB|B)\b"), "SIZE"),
    (re.compile(r"(\d[\d.]* (h|min|s)\b ?)+"), "DURATION "),
    (re.compile(r"processes: \d+"), "processes: N"),
    (re.compile(r"^ *\.\.\.\n", re.M), ""),
    # Columns are as wide as what is in them.
    (re.compile(r"(?<=\S) +"), " "),
)

# What a step did on hosts that work at the same time: up to the next step, the recap, or the block's end.
_STEP = re.compile(r"(?<=\n)(STEP [^\n]*\n)(.*?)(?=^STEP |^$|^```)", re.M | re.S)

Run = Callable[[str], str]


def recorded(page: str, run: Run) -> str:
    """Return the page with what each of its commands prints now; `run` gives a command's output, one after another."""
    return _BLOCK.sub(lambda found: _block(found, run), page)


def _block(found: re.Match[str], run: Run) -> str:
    lines = []
    for command in commands(found["text"]):
        printed = [line.rstrip() for line in run(command).splitlines()]
        lines += [f"$ {command}", *shortened(printed, found["how"], found["pattern"])]
    head = found[0][: found.start("text") - found.start()]
    return "\n".join([head.removesuffix("\n"), *lines, "```"])


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a block: what follows a `$ `, with the lines below it while a line ends in a backslash."""
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            while command.endswith("\\"):
                command += "\n" + next(lines)
            yield command


def shortened(lines: list[str], how: str | None, pattern: str | None) -> list[str]:
    """Return the lines of an output that are shown, with `...` where some were left out."""
    if how is None or pattern is None:
        return lines
    shown: list[str] = []
    blank = gap = False
    for line in lines:
        if not line:
            blank = True
            continue
        stays = bool(re.search(pattern, line)) is (how == "keep")
        if stays or not gap:
            # The empty line above what is shown separates it from what comes before, shown or not.
            shown += [""] if blank else []
            shown.append(line if stays else " " * (len(line) - len(line.lstrip())) + "...")
        blank, gap = False, not stays
    return shown


def comparable(page: str) -> str:
    """Return a page without what no two runs have alike."""
    for pattern, mask in _MASKS:
        page = pattern.sub(mask, page)
    return _STEP.sub(lambda step: step[1] + "".join(sorted(step[2].splitlines(keepends=True))), page)


def differences(page: str, now: str) -> list[str]:
    """Return the lines in which two pages differ, as a diff; none where they say the same."""
    old, new = comparable(page).splitlines(), comparable(now).splitlines()
    return list(difflib.unified_diff(old, new, "docs/transcript.md", "printed now", lineterm="", n=2))


def runner(directory: Path) -> Run:
    """Return what runs a command in a directory, with a home of its own, as somebody would who has ffplay installed."""
    home, programs = directory / "home", directory / "home" / "bin"
    programs.mkdir(parents=True)
    program = programs / "ff-play"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ffplay "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "FFPLAY_", "ANSIBLE_"))}
    path = f"{programs}:{kept.get('PATH', '')}"
    paths = ":".join(each for each in (str(HERE.parent), kept.get("PYTHONPATH", "")) if each)
    environment = kept | {"HOME": str(home), "PATH": path, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "120"}

    def run(command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", _subnet(directory, command, shown=False)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        code = f"[exit code {done.returncode}]\n" if done.returncode else ""
        return _shown(directory, done.stdout) + code

    return run


def _shown(directory: Path, text: str) -> str:
    """Return an output with the names that the page has for the directory, the addresses, the user and the machine."""
    user, machine = getpass.getuser(), socket.gethostname()
    text = _subnet(directory, text.replace(str(directory), SHOWN_DIRECTORY), shown=True)
    for between in ("@", " on "):
        text = text.replace(f"{user}{between}{machine}", f"{SHOWN_USER}{between}{SHOWN_MACHINE}")
    return text


def _subnet(directory: Path, text: str, *, shown: bool) -> str:
    """Return a text with the page's addresses for the lab's, or the other way round; there may be no lab yet."""
    lab = layout.load(directory / LAB)
    if lab is not None:
        pair = (lab.subnet, SHOWN_SUBNET) if shown else (SHOWN_SUBNET, lab.subnet)
        return text.replace(f"{pair[0]}.", f"{pair[1]}.")
    # `lab up` says which addresses it takes before there is a lab.
    return text


def main() -> int:
    """Run the page's commands, and write the page or tell where it is not true."""
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="ffplay-transcript-") as name:
        directory = Path(name).resolve()
        try:
            now = recorded(page, runner(directory))
        finally:
            if layout.load(directory / LAB) is not None:
                site.down(directory / LAB)
    told = differences(page, now)
    if "--check" in sys.argv[1:]:
        sys.stderr.writelines(f"{line}\n" for line in told)
        if told:
            sys.stderr.write("docs/transcript.md is not what its commands print: run docs/transcript.py\n")
        return 1 if told else 0
    if told:
        PAGE.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
