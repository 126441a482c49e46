"""Rules about the order of a playbook's steps: what a site is left without when one is missing or comes too late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ffplay.findface import MODELS
from ffplay.lint.base import Book, Placed, Rule, Seen, given, is_part
from ffplay.load.quick import is_template
from ffplay.model import Step

# What changes a site on its way to the target.
_CHANGING = ("configure", "regenerate", "wipe", "template", "start", "copy", "fast_index")
_SWITCHING = ("regenerate", "wipe")


def _backups(steps: Sequence[Step], what: str) -> list[Step]:
    return [step for step in steps if step.kind == "backup" and given(step.args, what)]


def _wipe_without_backup(book: Book) -> Iterator[Seen]:
    for placed in book.placed("wipe"):
        if not _backups(placed.before, "tarantool"):
            yield Seen(placed.step.mark, "no `backup: {tarantool: true}` comes before this wipe")


def _regenerate_without_backup(book: Book) -> Iterator[Seen]:
    for placed in book.placed("regenerate"):
        if not _backups(placed.before, "mongo"):
            yield Seen(placed.step.mark, "no `backup: {mongo: true}` comes before this regenerate")


def _backup_before_stop(book: Book) -> Iterator[Seen]:
    for placed in book.placed("wipe"):
        stops = [
            index for index, step in enumerate(placed.before) if step.kind == "stop" and is_part(step, "tarantool")
        ]
        if stops and _backups(placed.before, "tarantool") and not _backups(placed.before[stops[-1] :], "tarantool"):
            yield Seen(
                placed.step.mark, "no `backup: {tarantool: true}` stands between `stop: tarantool` and this wipe"
            )


def _backup_elsewhere(book: Book) -> Iterator[Seen]:
    for what, kind in (("tarantool", "wipe"), ("mongo", "regenerate")):
        for placed in book.placed(kind):
            places = {str(step.args.get("to") or "") for step in _backups(placed.before, what)}
            wanted = str(placed.step.args.get("backups") or "")
            if places and wanted not in places and not any(map(is_template, (*places, wanted))):
                said = f"`backups: {wanted}`" if wanted else "no `backups`, which means backup_dir"
                written = ", ".join(f"`to: {place}`" if place else "backup_dir" for place in sorted(places))
                yield Seen(placed.step.mark, f"this {kind} has {said}, and the backups before it go to {written}")


def _wipe_before_stop(book: Book) -> Iterator[Seen]:
    for placed in book.placed("wipe"):
        last = next((step for step in reversed(placed.before) if _moves_shards(step)), None)
        if last is None or last.kind != "stop":
            yield Seen(placed.step.mark, "no `stop: tarantool` comes before this wipe")


def _moves_shards(step: Step) -> bool:
    return step.kind in ("stop", "start") and is_part(step, "tarantool")


def _copy_before_start(book: Book) -> Iterator[Seen]:
    for placed in book.placed("copy"):
        last = next((step for step in reversed(placed.before) if _moves_shards(step)), None)
        if last is not None and last.kind == "stop":
            yield Seen(
                placed.step.mark, "the shards are stopped here: `start: tarantool` comes after this copy or never"
            )


def _stop_without_start(book: Book) -> Iterator[Seen]:
    for placed in book.placed("stop"):
        part = placed.step.args.get("part")
        if not is_template(part) and not any(step.kind == "start" and is_part(step, part) for step in placed.after):
            yield Seen(placed.step.mark, f"no `start: {part}` comes after this stop")


def _template_missing(book: Book) -> Iterator[Seen]:
    for placed in book.placed("wipe"):
        if _may_change_size(placed) and not any(step.kind == "template" for step in _until_filled(placed.after)):
            yield Seen(placed.step.mark, "no `template` stands between this wipe and the start of the shards")


def _may_change_size(placed: Placed) -> bool:
    """Tell whether the facens may get another size: surely not where `from` names a model of the same one."""
    target = placed.play.target or {}
    sizes = [MODELS.get(str(target.get(word))) for word in ("model", "from")]
    return None in sizes or sizes[0] != sizes[1]


def _until_filled(after: Sequence[Step]) -> Iterator[Step]:
    for step in after:
        if step.kind == "copy" or (step.kind == "start" and is_part(step, "tarantool")):
            return
        yield step


def _no_verify(book: Book) -> Iterator[Seen]:
    for play in book.plays:
        kinds = [step.kind for step in play.steps]
        changing = [step for step in play.steps if step.kind in _CHANGING] if play.target is not None else []
        if changing and "verify" not in kinds[play.steps.index(changing[-1]) :]:
            yield Seen(changing[-1].mark, f"no `verify` comes after the play's last change, this {changing[-1].kind}")


def _no_preflight(book: Book) -> Iterator[Seen]:
    for play in book.plays:
        first = next((placed for placed in book.placed(*_SWITCHING) if placed.play is play), None)
        if first is not None and first.came("preflight") is None:
            yield Seen(play.mark, f"no `preflight` comes before this play's {first.step.kind}")


def _no_fast_index(book: Book) -> Iterator[Seen]:
    for placed in book.placed("wipe"):
        if not any(step.kind == "fast_index" for step in placed.after):
            yield Seen(placed.step.mark, "no `fast_index` comes after this wipe")


RULES = (
    Rule(
        "wipe-without-backup",
        "A wipe with no backup of the shards before it.",
        "A wipe sets nothing aside that no verified backup holds: unless an earlier run made one, the plan is refused.",
        _wipe_without_backup,
    ),
    Rule(
        "regenerate-without-backup",
        "A regeneration with no dump of MongoDB before it.",
        "It overwrites facens in MongoDB: without a dump nothing brings the old ones back, so it is refused.",
        _regenerate_without_backup,
    ),
    Rule(
        "backup-before-stop",
        "A wipe whose only backup was made while the shards still ran.",
        "Faces that are enrolled between backup and stop are in no backup: the wipe is refused, with the shards down.",
        _backup_before_stop,
    ),
    Rule(
        "backup-elsewhere",
        "A wipe or a regeneration that looks for backups where no backup step puts them.",
        "They go by the backups in that one place, and are refused where it has none.",
        _backup_elsewhere,
    ),
    Rule(
        "wipe-before-stop",
        "A wipe of shards that were not stopped, or were started again.",
        "The data of a shard that runs are not set aside: the plan is refused.",
        _wipe_before_stop,
    ),
    Rule(
        "copy-before-start",
        "A copy into shards that are stopped.",
        "The tool posts to the shards' HTTP ports, which are closed then; the step starts the shards by itself.",
        _copy_before_start,
    ),
    Rule(
        "stop-without-start",
        "A part of the site that is stopped and not started again.",
        "The playbook ends with a site that does not serve.",
        _stop_without_start,
    ),
    Rule(
        "template-missing",
        "A wipe with no template step before the shards start, where the facens may get another size.",
        "A shard whose file has the old facen_size refuses the new facens, or does not start.",
        _template_missing,
    ),
    Rule(
        "no-verify",
        "A play with a target that does not end with verify.",
        "Exit codes prove nothing: a shard that was left out, or refused its faces, shows in verify alone.",
        _no_verify,
    ),
    Rule(
        "no-preflight",
        "A play that regenerates or wipes without preflight before it.",
        "Too little memory or disk is then met midway, with the shards down.",
        _no_preflight,
    ),
    Rule(
        "no-fast-index",
        "A wipe with no fast_index after it.",
        "A wipe takes the fast indexes with it; galleries that had one are searched face by face until it is rebuilt.",
        _no_fast_index,
    ),
)
