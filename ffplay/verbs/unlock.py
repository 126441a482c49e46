"""`ff-play unlock`: break a lock which a dead run left; the run's own name has to be given for it."""

from __future__ import annotations

import argparse
import sys

from ffplay.engine.lock import Locks, describe
from ffplay.engine.runner import Session
from ffplay.errors import Interrupted, Refused, SiteErrors
from ffplay.report.names import joined
from ffplay.report.output import Output
from ffplay.report.style import Style, clean
from ffplay.resources.lock import Held
from ffplay.verbs import _options
from ffplay.verbs._playbook import load_playbook, open_session
from ffplay.verbs._session import report_for

EXAMPLES = (
    ("ff-play unlock playbooks/switch-model.yml -i site.yml", "show who has the lock, and ask"),
    (
        "ff-play unlock playbooks/switch-model.yml -i site.yml --force 20261123T205251Z-10b8",
        "break that run's lock without a question",
    ),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.sources(parser)
    parser.add_argument("--force", metavar="RUN", help="do not ask: break the lock of the run of this name")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Break the lock that a dead run left."""
    from ffplay.engine.options import Options

    loaded = load_playbook(args)
    with open_session(loaded, Options(args.limit), report_for(args, output, style)) as session:
        return unlock(session, args.force, output, style)


def unlock(session: Session, force: str | None, output: Output, style: Style) -> int:
    """Show who holds the site's lock, have the run confirmed, and remove its lock from every host."""
    locks = session.locks()
    held, errors = locks.read(session.hosts)
    for run, (first, hosts) in _by_run(held).items():
        lock = Held(first.holder, min(held[name].silent for name in hosts))
        output.line(f"{style.paint('bold', run)} on {joined(hosts)}: {clean(describe(lock))}")
    if not held and not errors:
        output.line("no lock: nobody applies anything on these hosts")
    if held:
        _break(locks, held, _confirmed(held, force), output)
    if errors:
        raise SiteErrors(tuple(errors))
    return 0


def _by_run(held: dict[str, Held]) -> dict[str, tuple[Held, list[str]]]:
    """Return of each run one lock, and the hosts that it has."""
    found: dict[str, tuple[Held, list[str]]] = {}
    for name, each in held.items():
        found.setdefault(each.holder.run, (each, []))[1].append(name)
    return found


def _confirmed(held: dict[str, Held], force: str | None) -> str:
    """Return the run whose lock shall go. Raise `Refused` or `Interrupted` where nobody says so."""
    runs = {each.holder.run for each in held.values()}
    if force is not None:
        if force not in runs:
            raise Refused(
                "", f"run {force} holds no lock here; nothing was done", f"held by: {', '.join(sorted(runs))}"
            )
        return force
    if not sys.stdin.isatty():
        raise Refused("", "not unlocked: there is no terminal to ask on", "--force RUN breaks that run's lock")
    sys.stderr.write(
        "If that run still goes on, it is refused its next change; what it is doing on a host comes to its end.\n"
        "Type the run's name to break its lock: "
    )
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    if answer not in runs:
        raise Interrupted("not unlocked: the answer was not the run's name; nothing was done", "")
    return answer


def _break(locks: Locks, held: dict[str, Held], run: str, output: Output) -> None:
    released, errors = locks.release({name: each.holder for name, each in held.items() if each.holder.run == run})
    if released:
        output.line(f"broke the lock of {run} on {joined(released)}; plan again to see what it left to do")
    if errors:
        raise SiteErrors(tuple(errors))
