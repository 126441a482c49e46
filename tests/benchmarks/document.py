"""docs/benchmarks.md from the figures, and the README's chart from docs/benchmarks.md."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import Size
from tests.benchmarks.results import Results
from tests.benchmarks.tools import TOOLS, TOP

DOCUMENT = TOP / "docs/benchmarks.md"
README = TOP / "README.md"
_TEMPLATE = Path(__file__).with_name("benchmarks.md.in")

# The sizes whose hosts have as many shards: how time grows with hosts.
_SCALE_SHARDS = 4

# Parts of a profile below this share of the whole are summed up.
_SMALL = 0.01

# A process that uses more than this of a core is what the others wait for.
_BUSY = 0.8

# The README's chart: its size, and the marks that stand for twice the time.
_CHART_SIZE = "16x4"
_DOUBLE = 4
_CHART = re.compile(r"(<!-- benchmarks -->\n```text\n).*?(```\n)", re.S)


def write(results: Results, took: float) -> None:
    """Write docs/benchmarks.md and the README's chart."""
    text = document(results, took)
    DOCUMENT.write_text(text)
    README.write_text(with_chart(README.read_text(), text))


def document(results: Results, took: float) -> str:
    """Return the document."""
    sizes = list(dict.fromkeys(one.size for one in results.samples))
    tools = [name for name in TOOLS if any(one.tool == name for one in results.samples)]
    latency, profile, copying, transfer = (results.more[name] for name in ("latency", "profile", "copying", "transfer"))
    values = {
        **_machine(),
        "TOOK": f"{took / 60:.0f} minutes",
        "ISOLATED": ", with processes that only it sees" if results.more["isolated"] else "",
        "SECONDS": _by_size(tools, sizes, lambda tool, size: [results.median(size, tool, mode) for mode in Mode]),
        "RATIOS": _by_size(tools, sizes, lambda tool, size: [_ratio(results, size, tool, mode) for mode in Mode]),
        "SPREAD": _spread(results, tools, sizes),
        "SCALE": _scale(results, sizes),
        "LATENCY_SIZE": latency["size"],
        "DELAY": f"{latency['delay'] * 1000:.0f}",
        "LATENCY": _latency(latency["tools"]),
        "PROFILE_SIZE": profile["size"],
        "PROFILE": _profile(profile["modes"]),
        "STEPS": _steps(profile["modes"]["apply"]),
        "POSTS": f"{copying['posts']:,}",
        "FACEN": str(copying["size"]),
        "COPYING": _copying(copying),
        "MEBIBYTES": str(transfer["mebibytes"]),
        "FILES": str(transfer["files"]),
        "TRANSFER": _transfer(transfer),
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], _TEMPLATE.read_text())


def _machine() -> dict[str, str]:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = peers.versions(TOP)
    return {
        "MACHINE": f"a machine of {os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}",
        "OPENSSH": ssh.partition(",")[0].strip().replace("_", " "),
        "PYINFRA": versions.get("pyinfra", "not installed"),
        "ANSIBLE": versions.get("ansible-core", "not installed"),
        "MITOGEN": versions.get("mitogen", "not installed"),
        "PARAMIKO": peers.version_here("paramiko"),
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _by_size(tools: Sequence[str], sizes: Sequence[str], cell: Any) -> str:
    def text(values: Sequence[float | None]) -> str:
        return " / ".join("-" if value is None else _short(value) for value in values) if any(values) else "-"

    return _table(["tool", *sizes], [[_label(tool), *(text(cell(tool, size)) for size in sizes)] for tool in tools])


def _label(tool: str) -> str:
    return TOOLS[tool].label


def _short(value: float) -> str:
    """Return a figure with as many digits as it has worth."""
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def _ratio(results: Results, size: str, tool: str, mode: str) -> float | None:
    ours, theirs = results.median(size, "ff-play", mode), results.median(size, tool, mode)
    return theirs / ours if ours and theirs else None


def _spread(results: Results, tools: Sequence[str], sizes: Sequence[str]) -> str:
    rows = []
    for size in sizes:
        for tool in tools:
            for mode in Mode:
                found = results.of(size, tool, mode)
                if not found:
                    continue
                walls = [one.wall for one in found]
                wall, cpu, site = (results.median(size, tool, mode, name) or 0 for name in ("wall", "cpu", "site_cpu"))
                spread = f"{_short(wall)} ({_short(min(walls))} to {_short(max(walls))})"
                memory = max(one.memory for one in found) / 1024
                cells = [str(len(found)), spread, _short(cpu), _short(site), f"{memory:.0f} MiB"]
                rows.append([size, _label(tool), mode.value, *cells])
    return _table(["site", "tool", "mode", "runs", "wall", "CPU of the tool", "CPU of the site", "memory"], rows)


def _scale(results: Results, sizes: Sequence[str]) -> str:
    rows = []
    for size in map(Size.parse, sizes):
        if size.shards != _SCALE_SHARDS or not results.of(str(size), "ff-play", Mode.PLAN):
            continue
        medians = [results.median(str(size), "ff-play", mode) or 0 for mode in Mode]
        cpu = [results.median(str(size), "ff-play", mode, "cpu") or 0 for mode in Mode]
        memory = max(one.memory for mode in Mode for one in results.of(str(size), "ff-play", mode)) / 1024
        each = " / ".join(f"{1000 * value / size.hosts:.0f}" for value in medians)
        row = [" / ".join(map(_short, medians)), each, " / ".join(map(_short, cpu)), f"{memory:.0f} MiB"]
        rows.append([str(size), *row])
    head = ["site", "seconds, plan / apply / again", "ms a host", "CPU seconds of ff-play", "most memory"]
    return _table(head, rows)


def _latency(tools: Mapping[str, Any]) -> str:
    rows = [
        [
            _label(name),
            _short(one["near"]),
            _short(one["far"]),
            f"{one['waited']:.1f}",
            str(one["connections"]),
            f"{one['turns']:.0f}",
        ]
        for name, one in tools.items()
    ]
    return _table(["tool", "near, s", "far away, s", "waited for", "connections", "turns"], rows)


def _profile(modes: Mapping[str, Any]) -> str:
    parts: dict[str, dict[str, float]] = {}
    for mode, one in modes.items():
        for place, seconds in one["seconds"].items():
            parts.setdefault(place, {})[mode] = seconds
    small = [p for p, of in parts.items() if all(of.get(m, 0) < _SMALL * one["total"] for m, one in modes.items())]
    rest = {mode: sum(parts[place].get(mode, 0) for place in small) for mode in modes}
    named = {"python": "start of Python", "import": "imports"}
    rows = [
        [named.get(place, f"`{place}`"), *(f"{1000 * of.get(mode, 0):.0f}" for mode in modes)]
        for place, of in sorted(parts.items(), key=lambda item: -sum(item[1].values()))
        if place not in small
    ]
    rows.append(["all else", *(f"{1000 * rest[mode]:.0f}" for mode in modes)])
    return _table(["part", *(f"{mode}, ms" for mode in modes)], rows)


def _steps(run: Mapping[str, Any]) -> str:
    """Return how long each step of a run took, and what came before the first and after the last one."""
    begun = [["until the first step: start, load, connect, plan twice, lock", 0.0], *run["steps"]]
    ends = [*(start for _, start in begun[1:]), run["total"]]
    rows = [
        [
            "after the last step: the lock, the recap" if name.startswith("RECAP") else name,
            f"{1000 * (end - start):.0f}",
        ]
        for (name, start), end in zip(begun, ends, strict=True)
    ]
    return _table(["part of the run", "ms"], rows)


def _copying(found: Mapping[str, Any]) -> str:
    names = {"tool": "mongo2searchapi's stand-in", "http": "load over HTTP", "lua": "inserts in Lua"}
    rows = []
    for name, label in names.items():
        one = found[name]
        share = f"{100 * found['tool']['rate'] / one['rate']:.0f} %"
        rows.append([label, f"{one['rate']:,.0f}", share, f"{one['tarantool']:.2f}", f"{one['client']:.2f}"])
    table = _table(["what", "facens a second", "the copy reaches", "Tarantool", "client"], rows)
    return f"{table}\n\n{_bound(found['tool'])} ffplay starts the tool, waits for it, and counts what it brought."


def _transfer(found: Mapping[str, Any]) -> str:
    rows = []
    for what, ours, theirs, their in (
        ("to a host", "put", "ssh put", "`ssh HOST 'cat > FILE'`"),
        ("from a host", "get", "ssh get", "`ssh HOST 'cat FILE'`"),
        ("many to a host", "write", "tar", "`tar` through `ssh`"),
    ):
        one, other = found["seconds"][ours], found["seconds"][theirs]
        rows.append([what, _short(one), f"{_short(other)} ({their})", f"{other / one:.2f}"])
    return _table(["what", "ff-play, s", "by hand, s", "times as long by hand"], rows)


def _bound(tool: Mapping[str, float]) -> str:
    """Say what holds the copy up."""
    used = f"(Tarantool uses {100 * tool['tarantool']:.0f} % of a core, the tool {100 * tool['client']:.0f} %)"
    if max(tool["tarantool"], tool["client"]) < _BUSY:
        return f"Neither end is busy {used}: the tool waits for each answer before it posts the next facen."
    if tool["tarantool"] > tool["client"]:
        return f"The bound is the shard's one thread {used}."
    return f"The bound is the tool, not the shard {used}; the vendor's own may be faster or slower than the stand-in."


def chart(text: str) -> str:
    """Return the README's chart from the document's ratios: a line a tool, its bar on a logarithmic scale."""
    part = text.partition("\n## Ratios\n")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"
    ]
    column = head.index(_CHART_SIZE) if _CHART_SIZE in head else len(head) - 1
    lines = [f"{head[column]} hosts x shards, times as long as ff-play:  plan  apply  again"]
    for row in rows:
        label, values = row[0].replace("`", "").partition(":")[0], row[column].split(" / ")
        if len(values) == len(Mode):
            length = max(1, round(_DOUBLE * (2 + math.log2(float(values[1])))))
            lines.append(f"{label:27}{values[0]:>6}{values[1]:>7}{values[2]:>7}  {'=' * length}")
    return "\n".join([*lines, f"(bars: apply; {_DOUBLE} marks more are twice the time)"]) + "\n"


def with_chart(readme: str, text: str) -> str:
    """Return the README with the chart of a document."""
    return _CHART.sub(lambda found: found[1] + chart(text) + found[2], readme)
