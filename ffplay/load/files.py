"""Where a playbook's templates and files are."""

from __future__ import annotations

from pathlib import Path

from ffplay.load.findings import Mistake, did_you_mean

# The templates that come with ffplay; none is looked for here: `new` copies them beside a playbook.
SHIPPED_TEMPLATES = Path(__file__).parent / "templates"


def folders(playbook: Path, kind: str) -> tuple[Path, ...]:
    """Return the directories where a playbook's things of a kind ("templates" or "files") are searched, in order.

    Beside the playbook are its own `templates/` and `files/`; one level above it are those that all playbooks share.
    """
    base = playbook.parent
    # The directory above `.` and `..` has no name in them.
    above = base / ".." if base.name in ("", "..") else base.parent
    found = (base / kind, base, above / kind, above / "templates", base / "templates")
    return tuple(dict.fromkeys(found))


def find_file(playbook: Path, kind: str, name: str) -> Path:
    """Return the path of a template or file that a step names. Raise InputError where there is none."""
    given, noun = Path(name).expanduser(), kind.removesuffix("s")
    if given.is_absolute():
        if given.is_file():
            return given
        raise Mistake(None, f"there is no {noun} {name}", needle=name)
    places = folders(playbook, kind)
    for folder in places:
        if (folder / given).is_file():
            return folder / given
    present = [path.name for folder in places[:3] if folder.is_dir() for path in folder.iterdir() if path.is_file()]
    searched = ", ".join(f"{folder}/" for folder in places[:3])
    raise Mistake(
        None, f"there is no {noun} `{name}`", did_you_mean(given.name, present) or f"searched: {searched}", name
    )
