"""What a site's runs mean, in short: which of them stand, and what the site is after one is rolled back."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fault.state import State


@dataclass
class Run:
    """A run that its hosts know.

    `before` is the site as it was when the run began. `over` says why nothing is left to go back from (`rolled back`
    or `committed`), `open` that it did not come to its end. `files` are those that it changed, `emptied` the shards
    whose data it set aside or put back, by their keys in `State`.
    """

    name: str
    verb: str
    before: State
    open: bool
    continues: tuple[str, ...] = ()
    reverts: tuple[str, ...] = ()
    over: str = ""
    files: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


@dataclass
class Model:
    """The runs of a site, oldest first."""

    runs: list[Run] = field(default_factory=list)

    @property
    def standing(self) -> list[Run]:
        return [run for run in self.runs if not run.over]

    @property
    def open(self) -> list[Run]:
        return [run for run in self.runs if run.open]

    def applied(self) -> tuple[str, ...]:
        """Return the open runs that another apply goes on with."""
        return tuple(run.name for run in self.open if run.verb == "apply")

    def undone(self, wanted: str | None) -> tuple[list[Run], list[Run]]:
        """Return the runs that a rollback undoes (none: it is refused), and the broken-off ones that it finishes."""
        standing = self.standing
        names = [run.name for run in standing]
        if wanted is None and standing and standing[-1].verb == "rollback" and standing[-1].open:
            last = standing[-1]
            tries = [run for run in standing if run.verb == "rollback" and run.open and run.reverts == last.reverts]
            return [run for run in self.runs if run.name in last.reverts], tries
        if not standing or (wanted is not None and wanted not in names):
            return [], []
        start = standing[names.index(wanted) if wanted else -1]
        first = min(start.name, *start.continues) if start.continues else start.name
        found = [run for run in standing if run.name >= first]
        return ([], []) if any(run.verb == "commit" for run in found) else (found, [])

    def end(self, run: Run) -> None:
        """Note that a run came to its good end: what it went on with is open no more, what it undid is no more."""
        run.open = False
        for other in self.runs:
            if other.name in run.continues:
                other.open = False
            if other.name in run.reverts:
                other.open, other.over = False, {"rollback": "rolled back", "commit": "committed"}[run.verb]

    @staticmethod
    def restored(undone: list[Run], tries: list[Run], now: State) -> State:
        """Return the site as it must be when runs are undone.

        What they changed is as it was before the first of them. What they did not change stays, and so do faces that
        were enrolled or deleted since, which is not to say that their shards know.
        """
        before = undone[0].before
        parts = [*undone, *tries]
        files = {name for run in parts for name in run.files}
        emptied = {key for run in parts for key in run.emptied}
        wanted = State(units=dict(before.units), facens=dict(now.facens))
        wanted.files = {
            **{name: body for name, body in now.files.items() if name not in files},
            **{name: body for name, body in before.files.items() if name in files},
        }
        wanted.faces = {number: before.faces.get(number, body) for number, body in now.faces.items()}
        wanted.shards = {
            **{key: facen for key, facen in now.shards.items() if _shard(key) not in emptied},
            **{key: facen for key, facen in before.shards.items() if _shard(key) in emptied},
        }
        return wanted


def _shard(key: str) -> str:
    """Return the shard of a key of `State.shards`."""
    return ":".join(key.split(":")[:2])


def changed(before: State, after: State) -> set[str]:
    """Return the files that differ."""
    names = before.files.keys() | after.files.keys()
    return {name for name in names if before.files.get(name) != after.files.get(name)}
