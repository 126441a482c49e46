"""How the plans of the shipped playbooks are made, and what of them another lab has otherwise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ffplay.lab.layout import LabSite

HERE = Path(__file__).parent
TOP = HERE.parents[1]

# Each playbook with the variables that give it something to do at a lab as it comes up, at apricot_320 and nnd.
PLAYBOOKS: Mapping[str, tuple[str, ...]] = {
    "documented-order": (),
    "rolling-restart": (),
    "switch-both": ("detector=legacy",),
    "switch-detector": ("detector=legacy",),
    "switch-model": (),
}

# The shape of the lab: the README's and the demo's hosts, and fewer faces.
SHAPE = {"hosts": 2, "shards": 2, "faces": 300}

# What differs from lab to lab and from run to run, in the order in which it is replaced.
_MASKS = (
    (re.compile(r"127\.\d+\.\d+\."), "127.A.B."),
    (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "DIGEST"),
    (re.compile(r"\b\d[\d.,]*(?= (B|KiB|MiB|GiB|TiB|bytes)\b)"), "N"),
    (re.compile(r"N\.\.N"), "N"),
    # Which file systems are worth a line, and how many more there are, depends on what else is on the machine.
    (re.compile(r"^  space: .*\n", re.MULTILINE), ""),
)

# What depends on the machine and the moment, in JSON: times, processes, sizes, who owns files.
_MEASURED = {"pid", "since", "mtime", "newest", "size", "base64", "memory", "available", "kib"}
_MEASURED |= {"facens_now", "facens_then", "total", "now", "during", "needs", "mount", "owner", "group"}


def made(lab: LabSite) -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of each plan."""
    for playbook, variables in PLAYBOOKS.items():
        words = [f"playbooks/{playbook}.yml", "-i", str(lab.inventory)]
        words += [word for each in variables for word in ("-e", each)]
        yield f"{playbook}.txt", same(_plan(*words), lab)
        body = masked(json.loads(_plan(*words, "--json")))
        yield f"{playbook}.json", same(json.dumps(body, indent=1, ensure_ascii=False) + "\n", lab)


def _plan(*words: str) -> str:
    command = [sys.executable, "-m", "ffplay", "plan", *words]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def same(text: str, lab: LabSite) -> str:
    """Return a text without what another lab has otherwise."""
    text = text.replace(str(lab.directory), "/lab")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def masked(body: Any) -> Any:
    """Return a document with the number of everything that is measured replaced; lists of files keep their names."""
    if isinstance(body, dict):
        return {key: "MEASURED" if _measured(key, value) else masked(value) for key, value in body.items()}
    if isinstance(body, list):
        # A data file of a shard is its name and its size.
        is_file = len(body) == 2 and isinstance(body[0], str) and isinstance(body[1], int)
        return [body[0], "MEASURED"] if is_file else [masked(item) for item in body]
    return body


def _measured(key: str, value: Any) -> bool:
    return key == "seconds" or (bool(value) and (key in _MEASURED or key.startswith("free")))
