"""The verbs of the lab's systemctl, with the words and exit codes of systemd 252."""

from __future__ import annotations

import asyncio
import fnmatch
import signal
from collections.abc import Awaitable, Callable

from ffplay.lab import unit_files, unit_show
from ffplay.lab.systemctl_request import Host, Reply, Request, parse
from ffplay.lab.unit import Unit

_NOT_RUNNING, _NO_SUCH_UNIT, _NOT_LOADED = 3, 4, 5

_RESULTS = {
    "exit-code": "the control process exited with error code",
    "signal": "a fatal signal was delivered to the control process",
    "timeout": "a timeout was exceeded",
    "protocol": "the service did not take the steps required by its unit configuration",
    "start-limit-hit": "start of the service was attempted too often",
}


async def run(host: Host, arguments: list[str]) -> Reply:
    """Carry out one command line."""
    request = parse(host, arguments)
    verb = _VERBS.get(request.verb or "list-units")
    if verb is None:
        return Reply(1, err=f"Unknown command verb {request.verb}.\n")
    return await verb(request)


async def _each(request: Request, act: Callable[[Unit], Awaitable[str]], missing: str) -> Reply:
    """Act on all units at once; `act` returns an error's text or nothing."""
    known, err, code = [], "", 0
    for name in request.expanded():
        unit = request.host.unit(name)
        if unit is None:
            err += f"Failed to {request.verb} {name}: Unit {name} not {missing}.\n"
            code = _NOT_LOADED
        else:
            known.append(unit)
    failures = [text for text in await asyncio.gather(*(act(unit) for unit in known)) if text]
    return Reply(code or (1 if failures else 0), err=err + "".join(failures))


def _job_failed(unit: Unit) -> str:
    """Return what systemctl says of a start that failed."""
    why = _RESULTS.get(unit.result)
    reason = f" because {why}" if why else ""
    text = (
        f"Job for {unit.name} failed{reason}.\n"
        f'See "systemctl status {unit.name}" and "journalctl -xeu {unit.name}" for details.\n'
    )
    if unit.result == "start-limit-hit":
        text += (
            f'To force a start use "systemctl reset-failed {unit.name}"\n'
            f'followed by "systemctl start {unit.name}" again.\n'
        )
    return text


async def _start_one(unit: Unit) -> str:
    return "" if await unit.start() else _job_failed(unit)


async def _stop_one(unit: Unit) -> str:
    await unit.stop()
    return ""


async def _restart_one(unit: Unit) -> str:
    await unit.stop()
    return await _start_one(unit)


async def _try_restart_one(unit: Unit) -> str:
    return await _restart_one(unit) if unit.active == "active" else ""


async def _start(request: Request) -> Reply:
    return await _each(request, _start_one, "found")


async def _stop(request: Request) -> Reply:
    return await _each(request, _stop_one, "loaded")


async def _restart(request: Request) -> Reply:
    return await _each(request, _restart_one, "found")


async def _try_restart(request: Request) -> Reply:
    return await _each(request, _try_restart_one, "loaded")


async def _kill(request: Request) -> Reply:
    name = request.flags.get("signal", "SIGTERM")
    try:
        number = signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name.removeprefix('SIG')}"]
    except (KeyError, ValueError):
        return Reply(1, err=f"Failed to parse signal string {name}.\n")

    async def one(unit: Unit) -> str:
        unit.signal(number)
        return ""

    return await _each(request, one, "loaded")


async def _reset_failed(request: Request) -> Reply:
    err = ""
    for name in request.expanded() if request.names else list(request.host.units):
        unit = request.host.units.get(name)
        if unit is None:
            err += f"Failed to reset failed state of unit {name}: Unit {name} not loaded.\n"
        else:
            unit.reset_failed()
    return Reply(1 if err else 0, err=err)


async def _is_active(request: Request) -> Reply:
    lines, codes = [], []
    for name in request.expanded():
        unit = request.host.unit(name)
        lines.append(unit.active if unit else "inactive")
        codes.append(_NO_SUCH_UNIT if unit is None else 0 if unit.active == "active" else _NOT_RUNNING)
    code = 0 if 0 in codes else (codes[-1] if codes else _NOT_RUNNING)
    out = "".join(f"{line}\n" for line in lines or ["inactive"])
    return Reply(code, "" if "quiet" in request.flags else out)


async def _is_failed(request: Request) -> Reply:
    states = [unit.active if (unit := request.host.unit(name)) else "inactive" for name in request.expanded()]
    return Reply(0 if "failed" in states else 1, "".join(f"{state}\n" for state in states))


async def _is_enabled(request: Request) -> Reply:
    out, err, code = "", "", 1
    for name in request.expanded():
        if request.host.unit(name) is None:
            err += f"Failed to get unit file state for {name}: No such file or directory\n"
            continue
        on = unit_files.enabled(request.host.root, name)
        out += "enabled\n" if on else "disabled\n"
        code = 0 if on else code
    return Reply(code, out, err)


async def _enable(request: Request) -> Reply:
    err = ""
    for name in request.expanded():
        unit = request.host.unit(name)
        if unit is None:
            return Reply(1, err=err + f"Failed to enable unit: Unit file {name} does not exist.\n")
        err += unit_files.enable(request.host.root, unit.file)
    return await _and_now(request, "now", _start, err)


async def _disable(request: Request) -> Reply:
    err = "".join(unit_files.disable(request.host.root, name) for name in request.expanded())
    return await _and_now(request, "now", _stop, err)


async def _and_now(request: Request, flag: str, act: Callable[[Request], Awaitable[Reply]], err: str) -> Reply:
    if flag not in request.flags:
        return Reply(err=err)
    reply = await act(request)
    return Reply(reply.code, reply.out, err + reply.err)


async def _nothing(_request: Request) -> Reply:
    return Reply()


async def _is_system_running(request: Request) -> Reply:
    degraded = any(unit.active == "failed" for unit in request.host.units.values())
    return Reply(1 if degraded else 0, "degraded\n" if degraded else "running\n")


async def _show(request: Request) -> Reply:
    wanted = request.flags.get("property", "")
    keys = [key for key in wanted.split(",") if key]
    blocks = [
        unit_show.properties(request.host.root, name, request.host.unit(name), keys, "value" in request.flags)
        for name in request.expanded()
    ]
    return Reply(0, "\n".join(blocks))


async def _status(request: Request) -> Reply:
    blocks, err, code = [], "", 0
    for name in request.expanded() if request.names else sorted(request.host.units):
        unit = request.host.unit(name)
        if unit is None:
            err += f"Unit {name} could not be found.\n"
            code = _NO_SUCH_UNIT
            continue
        blocks.append(unit_show.status(request.host.root, unit, int(request.flags.get("lines") or 10)))
        code = code or (0 if unit.active in ("active", "reloading") else _NOT_RUNNING)
    return Reply(code, "\n".join(blocks), err)


async def _cat(request: Request) -> Reply:
    out, err = [], ""
    for name in request.expanded():
        unit = request.host.unit(name)
        if unit is None:
            err += f"No files found for {name}.\n"
        else:
            out.append(f"# {unit.file.path}\n{unit.file.path.read_text()}")
    return Reply(1 if err else 0, "\n".join(out), err)


async def _list_units(request: Request) -> Reply:
    patterns = [unit_files.full_name(name) for name in request.names] or ["*"]
    states = [state for state in request.flags.get("state", "").split(",") if state]
    units = [
        unit
        for name, unit in sorted(request.host.units.items())
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        and (not states or unit.active in states or unit.sub in states)
    ]
    return Reply(0, unit_show.table(units, "no-legend" not in request.flags, "plain" in request.flags))


async def _list_unit_files(request: Request) -> Reply:
    patterns = [unit_files.full_name(name) for name in request.names] or ["*"]
    names = [
        name
        for name in unit_files.names(request.host.root)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    return Reply(0, unit_show.file_table(request.host.root, names, "no-legend" not in request.flags))


_VERBS: dict[str, Callable[[Request], Awaitable[Reply]]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "try-restart": _try_restart,
    "reload-or-restart": _restart,
    "kill": _kill,
    "reset-failed": _reset_failed,
    "is-active": _is_active,
    "is-failed": _is_failed,
    "is-enabled": _is_enabled,
    "is-system-running": _is_system_running,
    "enable": _enable,
    "disable": _disable,
    "daemon-reload": _nothing,
    "show": _show,
    "status": _status,
    "cat": _cat,
    "list-units": _list_units,
    "list-unit-files": _list_unit_files,
}
