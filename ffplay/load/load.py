"""From what the command line gave to a site, a playbook and variables; every mistake of all of them at once."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ffplay.load.explain import Origins
from ffplay.load.files import folders
from ffplay.load.findings import Findings, Mistake, did_you_mean, hints, listed
from ffplay.load.hostvars import Levels, VarsFiles, extra_variables
from ffplay.load.inventory import Inventory, joined
from ffplay.load.inventory_files import read_inventory
from ffplay.load.inventory_yaml import add
from ffplay.load.marked import Place, Source, parse, place_of
from ffplay.load.patterns import known, select, unmatched
from ffplay.load.playbook import Written, read_playbook
from ffplay.load.rehearsal import Rehearsal
from ffplay.load.site import build_site
from ffplay.load.variables import Directories, Variables
from ffplay.load.vaultkeys import Vault
from ffplay.model import Host, Login, Mark, Play, Playbook, Site, Step
from ffplay.secret import Secrets
from ffplay.steps import kind

# The groups that steps know by name: a site need not have all of them.
_PARTS = {"facenapi", "extraction", "tntapi", "mongo", "upload", "ntls"}


@dataclass(frozen=True)
class Sources:
    """What the command line gave.

    `inventories` are files or directories, `text` is an inventory that lies in no file; `extra` are the values of `-e`,
    in order; `limit` is a pattern; `vault` opens what is encrypted in all of them.
    """

    playbook: Path | None
    inventories: tuple[Path, ...] = ()
    extra: tuple[str, ...] = ()
    limit: str | None = None
    vault: Vault = field(default_factory=lambda: Vault(Secrets()))
    text: str = ""


@dataclass(frozen=True)
class Loaded:
    """What was given, read and found right.

    `playbook` is None where none was given; `origins` has everything as it was written; `vault` opens further files,
    and its secrets are those that were met so far.
    """

    site: Site
    playbook: Playbook | None
    variables: Variables
    origins: Origins
    vault: Vault = field(default_factory=lambda: Vault(Secrets()))


def load(sources: Sources) -> Loaded:
    """Return the site, the playbook and the variables. Raise InputError with every finding."""
    # All that is made here stays: looking for garbage among it takes half the time of a large inventory.
    with uncollected():
        return _load(sources)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile, where much is made that stays."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _load(sources: Sources) -> Loaded:
    findings = Findings(sources.vault)
    written = read_playbook(sources.playbook, findings) if sources.playbook else None
    given = extra_variables(sources.extra, findings)
    extra = joined(given)
    where = _directories(sources)
    inventory = _inventory(sources, written, findings)
    levels = Levels(
        inventory,
        VarsFiles([_folder(path) for path in sources.inventories], findings),
        VarsFiles([sources.playbook.parent] if sources.playbook else [], findings),
        findings,
    )
    site = build_site(inventory, levels.merged(), extra, where, findings)
    variables = Variables(site, extra, where, vault=sources.vault)
    limit = _checked_limit(site, sources.limit, findings)
    playbook = None
    if written is not None and sources.playbook is not None:
        plays = tuple(_final(play, variables, findings) for play in written.playbook.plays)
        playbook = replace(written.playbook, plays=plays)
        rehearsal = Rehearsal(sources.playbook, variables, findings, written.lost)
        for play in plays if site.hosts else ():
            _check_play(play, site, limit, rehearsal, findings, written.lost)
    findings.stop()
    return Loaded(site, playbook, variables, Origins(inventory, levels, tuple(given)), sources.vault)


def load_inventory(inventories: Sequence[Path], extra: Sequence[str] = ()) -> Site:
    """Return the site of an inventory alone. Raise InputError with every finding."""
    return load(Sources(None, tuple(inventories), tuple(extra))).site


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _directories(sources: Sources) -> Directories:
    playbook = str(sources.playbook.parent.resolve()) if sources.playbook else ""
    inventory = str(_folder(sources.inventories[0]).resolve()) if sources.inventories else playbook
    if sources.playbook is None:
        return Directories(playbook, inventory, (), (Path(),))
    kinds = (folders(sources.playbook, kind) for kind in ("templates", "files"))
    return Directories(playbook, inventory, *kinds)


def _inventory(sources: Sources, written: Written | None, findings: Findings) -> Inventory:
    """Return the inventories given, merged; the playbook's own one where none was given."""
    found, before = Inventory(), len(findings.all)
    inline = written.playbook.inventory if written else None
    for path in sources.inventories:
        read_inventory(path, found, findings)
    if sources.text:
        add(parse(sources.text, "the inventory", findings), found, findings)
    if not sources.inventories and inline is not None:
        add(inline, found, findings)
    found.finish(findings)
    if not found.hosts and len(findings.all) == before:
        if sources.inventories:
            findings.add(None, f"the inventory has no hosts: {listed(map(str, sources.inventories))}")
        elif inline is None and (written is None or written.playbook.plays):
            findings.add(None, "there is no inventory", "give one with -i FILE, or write `inventory:` in the playbook")
        elif inline is not None:
            findings.add(place_of(inline), "the playbook's own inventory has no hosts")
    return found


def _checked_limit(site: Site, limit: str | None, findings: Findings) -> str | None:
    if limit is None or not site.hosts:
        return None
    try:
        if not select(site, "all", limit):
            findings.add(None, f"the limit `{limit}` leaves no host", known(site))
    except Mistake as mistake:
        findings.extend(mistake.findings)
        return None
    return limit


def _final(play: Play, variables: Variables, findings: Findings) -> Play:
    """Return a play whose pattern is rendered: it may use the variables of the play and of the command line."""
    nobody = Host("", (), Login(""))
    try:
        hosts = variables.scope(nobody, play).render(play.hosts)
    except Mistake as mistake:
        findings.extend(mistake.findings)
        return replace(play, hosts="")
    joined = ",".join(map(str, hosts)) if isinstance(hosts, list) else str(hosts)
    return play if joined == play.hosts else replace(play, hosts=joined)


def _check_play(
    play: Play, site: Site, limit: str | None, rehearsal: Rehearsal, findings: Findings, lost: frozenset[str]
) -> None:
    place = place_of(play.hosts)
    try:
        missing = unmatched(site, play.hosts) if play.hosts else []
        every = select(site, play.hosts) if play.hosts else ()
    except Mistake as mistake:
        findings.extend(mistake.at(place).findings)
        return
    if missing:
        findings.add(
            place, f"`{missing[0]}` names no host or group of the inventory", known(site, missing[0]), missing[0]
        )
    elif play.hosts and not every:
        findings.add(place, f"the pattern `{play.hosts}` matches no host", known(site))
    for step in (*play.steps, *play.handlers):
        _check_step(step, play, site, findings, lost)
    chosen = select(site, play.hosts, limit) if play.hosts else ()
    rehearsal.play(play, chosen, lambda step: _hosts_of(step, site, chosen))


def _hosts_of(step: Step, site: Site, chosen: tuple[Host, ...]) -> tuple[Host, ...]:
    """Return where a step may have work: on the hosts of its own pattern, in the groups of its kind."""
    names = {host.name for host in (chosen if step.hosts is None else select(site, step.hosts))}
    groups = set(kind(step.kind).groups)
    return tuple(host for host in chosen if host.name in names and (not groups or groups & set(host.groups)))


def _check_step(step: Step, play: Play, site: Site, findings: Findings, lost: frozenset[str]) -> None:
    place = place_of(step.args) or _at(step.mark)
    if kind(step.kind).needs_target and play.target is None:
        hint = "for example: target: {model: cherry_480}"
        findings.add(place, f"step {step.kind} needs a target, and the play has none", hint)
    handlers = {handler.title for handler in play.handlers}
    for name in (name for name in step.notify if name not in handlers | lost):
        hint = hints(did_you_mean(name, handlers), f"the play's handlers: {listed(sorted(handlers)) or 'none'}")
        findings.add(place_of(name), f"there is no handler `{name}`", hint, name)
    for name in unmatched(site, step.hosts) if step.hosts else ():
        if name not in _PARTS:
            findings.add(
                place_of(step.hosts), f"`{name}` names no host or group of the inventory", known(site, name), name
            )


def _at(mark: Mark) -> Place:
    return Place(Source(mark.file, ()), mark.line, mark.column, mark.line)
