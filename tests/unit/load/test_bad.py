"""Each directory of `bad/` is a mistake as a site engineer makes it, and the very words that he gets for it."""

from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import Sources, format_finding, load

CASES = sorted(path for path in (Path(__file__).parent / "bad").iterdir() if path.is_dir())


def told(folder: Path) -> str:
    inventory = Path("inventory.yml")
    limit = folder / "limit.txt"
    sources = Sources(
        Path("playbook.yml"),
        (inventory,) if (folder / inventory).exists() else (),
        limit=limit.read_text().strip() if limit.exists() else None,
    )
    with pytest.raises(InputError) as caught:
        load(sources)
    return "".join(f"{format_finding(finding)}\n" for finding in caught.value.findings)


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_every_mistake_is_told_in_these_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert told(folder) == (folder / "expected.txt").read_text()
