"""Plans in files: `plan -o FILE` writes one, `show FILE` shows it, `apply FILE` makes it so or refuses."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffplay.errors import usage_error
from ffplay.verbs._playbook import open_session
from ffplay.verbs._session import apply_plan, plan_only, report_for, show_plan
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.engine.inputs import Inputs
    from ffplay.engine.options import Options
    from ffplay.engine.plan import Plan
    from ffplay.engine.plan_file import SavedPlan
    from ffplay.engine.runner import Session
    from ffplay.load import Loaded
    from ffplay.load.vaultkeys import Vault
    from ffplay.report.output import Output
    from ffplay.report.style import Style

# What a plan file says itself, by the option that says it for a playbook.
_SAID = {
    "inventory": "-i",
    "limit": "-l",
    "tags": "-t",
    "skip_tags": "--skip-tags",
    "start_at_step": "--start-at-step",
    "list_hosts": "--list-hosts",
    "list_steps": "--list-steps",
}


def save(path: Path, session: Session, found: Plan, loaded: Loaded, inputs: Inputs) -> None:
    """Write a plan to a file. Raise `InputError` where that cannot be."""
    import time

    from ffplay import __version__
    from ffplay.engine import plan_file
    from ffplay.engine.lock import this_process

    me = this_process(found.run, inputs.playbook)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    made = {"at": at, "by": me.user, "on": me.machine, "ffplay": __version__}
    plan_file.write(path, _body(session, found, loaded), inputs, made)


def _body(session: Session, found: Plan, loaded: Loaded) -> dict[str, Any]:
    """Return a plan as its file has it: secrets by their names."""
    from ffplay.engine import plan_file

    body: dict[str, Any] = loaded.vault.secrets.masked(plan_file.body_of(found, session.observed, loaded.site))
    return body


def inputs_of(args: argparse.Namespace, seen: Mapping[str, str]) -> Inputs:
    """Return what the command line and the files that were read made the plan from."""
    from ffplay.engine.inputs import Inputs, located, near, without_secrets
    from ffplay.verbs._playbook import options_of

    here = Path.cwd()
    options = options_of(args)
    extra, withheld = without_secrets(args.extra_vars)
    inventories = tuple(near(path, here) for path in args.inventory)
    return Inputs(
        str(here),
        near(args.playbook, here),
        inventories,
        extra,
        withheld,
        options.limit,
        options.tags,
        options.skip_tags,
        options.start_at,
        located(seen, here),
    )


def show(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show a plan file as `plan` shows a plan, with who made it."""
    from ffplay.engine import plan_file

    saved = plan_file.read(Path(args.run))
    if args.json:
        from ffplay.report.json_plan import document

        output.line(json.dumps(document(saved.plan), indent=2, ensure_ascii=False))
        return 0
    output.line(style.paint("dim", _made(saved)))
    show_plan(saved.plan, output, style)
    return 0


def _made(saved: SavedPlan) -> str:
    made = saved.made
    withheld = f"; without the values of {', '.join(saved.inputs.withheld)}" if saved.inputs.withheld else ""
    return f"plan of {saved.inputs.playbook}, made {made['at']} by {made['by']} on {made['on']}{withheld}"


def apply(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Plan anew what the file plans, refuse where it comes out otherwise, else show it, ask, and make it so."""
    from ffplay import __version__
    from ffplay.engine import plan_file, stale
    from ffplay.engine.inputs import changed_files, digests, place_of
    from ffplay.load.seen import OUTPUT_OF, watching

    path = Path(args.playbook)
    saved = plan_file.read(path)
    extra = _extra(args, saved.inputs)
    if not saved.by_this_ffplay:
        raise usage_error(f"{path} was made by ffplay {saved.made['ffplay']}, and this is {__version__}", "plan again")
    where = place_of(saved.inputs, Path.cwd())
    what = f"{path} is stale"
    advice = _advice(saved)
    was = {name: digest for name, digest in saved.inputs.files.items() if not name.startswith(OUTPUT_OF)}
    files = list(changed_files(was, digests(was, where)))
    if files:
        raise stale.error(what, files, advice)
    vault = _vault(args)
    with contextlib.chdir(where), watching() as seen:
        loaded = _load(saved.inputs, extra, vault)
        report = report_for(args, output, style)
        with open_session(loaded, _options(args, saved.inputs), report) as session:
            session.again = saved.inputs.command("apply")

            def proved(found: Plan) -> None:
                _prove(saved, session, found, loaded, seen, what, advice)

            if args.check:
                return plan_only(session, args, output, style, proved)
            return apply_plan(session, args, report, output, style, proved=proved)


def _prove(
    saved: SavedPlan, session: Session, found: Plan, loaded: Loaded, seen: Mapping[str, str], what: str, advice: str
) -> None:
    """Raise `Stale` unless a plan that was made just now is the saved one."""
    from ffplay.engine import stale
    from ffplay.engine.inputs import changed_files, located

    files = changed_files(saved.inputs.files, located(seen, Path.cwd()))
    differences = [*files, *stale.differences(saved.body, _body(session, found, loaded))]
    if differences:
        raise stale.error(what, differences, advice)


def _advice(saved: SavedPlan) -> str:
    """Return what to do about a stale plan; a run that came of it and did not end is no reason to plan anew."""
    again, on = saved.inputs.command("plan"), saved.inputs.command("apply")
    return (
        f"plan again and look at what is new: {again} -o FILE\nto go on with a run that did not come to its end: {on}"
    )


def _vault(args: argparse.Namespace) -> Vault:
    """Return what opens encrypted files. Its own passwords are where this command says, not where the plan was made."""
    args.vault_password_file = [str(Path(name).absolute()) for name in args.vault_password_file]
    args.vault_id = [_absolute(given) for given in args.vault_id]
    return vault_of(args)


def _absolute(given: str) -> str:
    """Return `LABEL@FILE` with its file as named from everywhere; what asks has none."""
    label, at, name = given.rpartition("@")
    return label + at + (str(Path(name).absolute()) if Path(name).is_file() else name)


def _load(inputs: Inputs, extra: tuple[str, ...], vault: Vault) -> Loaded:
    from ffplay.load import Sources, load

    return load(Sources(Path(inputs.playbook), tuple(map(Path, inputs.inventories)), extra, inputs.limit, vault))


def _options(args: argparse.Namespace, inputs: Inputs) -> Options:
    from ffplay.engine.options import Options

    return Options(inputs.limit, inputs.tags, inputs.skip_tags, inputs.start_at, args.forks, args.measure)


def _extra(args: argparse.Namespace, inputs: Inputs) -> tuple[str, ...]:
    """Return the variables of the saved command line, and those that were left out of it. Raise `InputError`."""
    from ffplay.engine.inputs import names_of

    shaping = [option for name, option in _SAID.items() if getattr(args, name)]
    if shaping:
        raise usage_error(f"{shaping[0]} is said by the plan already", "to change it, plan again")
    given = {name for text in args.extra_vars for name in names_of(text) or [text]}
    other = sorted(given - set(inputs.withheld))
    if other:
        raise usage_error(f"-e {other[0]} is no part of the plan", "to change a variable, plan again")
    missing = [name for name in inputs.withheld if name not in given]
    if missing:
        said = f"the plan was made with {', '.join(missing)}, whose values are not kept in it"
        raise usage_error(said, f"give -e {missing[0]}=VALUE")
    return (*inputs.extra, *args.extra_vars)
